from .columns import association_difference as association_difference, marginals as marginals
from .charts import (
    Panel as Panel,
    code_usage as code_usage,
    latent_health as latent_health,
    tradeoff_curves as tradeoff_curves,
    training_curves as training_curves,
)
from .images import (
    image_grid as image_grid,
    image_sheets as image_sheets,
    interpolation_strips as interpolation_strips,
    reconstruction_pairs as reconstruction_pairs,
    save_animation as save_animation,
    path_frames as path_frames,
)
from .latent_maps import (
    cluster_bars as cluster_bars,
    cluster_cards as cluster_cards,
    latent_map as latent_map,
    latent_traversals as latent_traversals,
)
from .style import png_of as png_of, save_figure as save_figure
from .task_charts import (
    edit_curves as edit_curves,
    edit_strips as edit_strips,
    heat_sheets as heat_sheets,
    score_histogram as score_histogram,
    unusual_map as unusual_map,
)
