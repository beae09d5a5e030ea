"""Pictures in an evaluation of a model of images: samples beside real ones, reconstructions."""

from matplotlib.figure import Figure

from vaekit.evaluation.subject import EvaluationContext
from vaekit.plots.images import image_sheets, reconstruction_pairs

_SHOWN, _PAIRS = 30, 20


def evaluation_pictures(subject: EvaluationContext) -> dict[str, Figure]:
    """Return ``samples``, and of a model that encodes ``reconstructions``."""
    decode = subject.trained.domain.decode
    items = subject.some(_SHOWN)
    sheets = {"real items": subject.x(items), "samples": subject.sampled(items)}
    if not subject.has_latents:
        return {"samples": image_sheets({name: decode(x) for name, x in sheets.items()})}
    sheets["model prior"] = subject.drawn_from_prior(items)
    pairs = subject.some(_PAIRS)
    real, reconstructed = subject.x(pairs), subject.reconstructed(pairs)
    return {
        "samples": image_sheets({name: decode(x) for name, x in sheets.items()}),
        "reconstructions": reconstruction_pairs(decode(real), decode(reconstructed)),
    }
