"""Names of the user's are drawn as they are, whatever letters they have."""

import warnings

import numpy as np
import pytest
from matplotlib.cbook import is_math_text
from matplotlib.figure import Figure
from matplotlib.text import Text

from vaekit import plots
from vaekit.plots.charts import Panel
from vaekit.plots.style import plain_text, png_of, write_title
from vaekit.series.plots import unusual_steps

pd = pytest.importorskip("pandas")

NAMES = [
    "price $",
    "$a^$",
    "$\\frac{$",
    "a$b$c",
    "\\$5",
    "<b>",
    "x_1^2\\n",
    "_hidden",
    "",
    "  ",
    "tab\tand\x00",
    "very long " * 50,
    "größe",
    "цена",
]
IMAGES = np.zeros((2, 8, 8), np.uint8)


def frame(name):
    return pd.DataFrame({name: [1.0, 2.0, 2.5], "other": ["a", name, "b"]})


PICTURES = {
    "marginals": lambda n: plots.marginals(frame(n), frame(n)),
    "associations": lambda n: plots.association_difference(
        *[pd.DataFrame(np.eye(2), [n, "o"], [n, "o"])] * 2
    ),
    "latent_map": lambda n: plots.latent_map(np.eye(3), [n, "b", "b"], title=n),
    "latent_scale": lambda n: plots.latent_map(np.eye(3), [0.5, 1.0, 2.0], scale_name=n),
    "cluster_cards": lambda n: plots.cluster_cards({f"1: 5 items\n{n}": IMAGES}, title=n),
    "cluster_bars": lambda n: plots.cluster_bars({n: {n: 1.0, "b": -1.0}}, title=n),
    "traversals": lambda n: plots.latent_traversals(IMAGES[None], [0.0, 1.0], names=[n], title=n),
    "image_grid": lambda n: plots.image_grid(IMAGES, captions=[n, "b"], title=n),
    "image_sheets": lambda n: plots.image_sheets({n: IMAGES, "other": IMAGES}, title=n),
    "edit_strips": lambda n: plots.edit_strips(IMAGES[None], [n, "b"], title=n),
    "edit_curves": lambda n: plots.edit_curves(
        [0.5, 1], [0, 1], {n: [0, 1]}, [0, 1], baselines={n: (0.5, 0.5)}, title=n
    ),
    "history": lambda n: plots.training_curves([{"epoch": 1, n: 1.0}]),
    "tradeoff": lambda n: plots.tradeoff_curves([Panel(x=n, y=n, curves={n: [([1, 2], [1, 2])]})]),
    "unusual_steps": lambda n: unusual_steps(np.zeros((9, 2)), np.zeros(9), [], names=[n, "b"]),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("picture", PICTURES)
def test_every_picture_with_words_of_the_user(picture, name):
    figure = PICTURES[picture](name)
    png_of(figure)
    texts = [text.get_text() for text in figure.findobj(Text)]
    own = [t for t in texts if "mathdefault" not in t]  # a logarithmic axis may write powers
    assert not any(is_math_text(text) for text in own)
    assert max(max(map(len, text.split("\n"))) for text in own) <= 250


@pytest.mark.parametrize("name", NAMES)
def test_the_words_are_drawn_letter_by_letter(name):
    text = Text(text=plain_text(name, 1000))
    drawn, is_formula = text._preprocess_math(text.get_text())
    assert not is_formula
    assert drawn == name.replace("\t", " ").replace("\x00", " ")


def test_letters_that_the_font_lacks_are_named_once():
    figure = Figure()
    write_title(figure.add_subplot(), "価格 価格 \U0001f600")
    with pytest.warns(UserWarning, match=r"it lacks '価格") as caught:
        png_of(figure)
    assert len(caught) == 1


def test_other_warnings_of_a_drawing_are_passed_on():
    class Loud(Figure):
        def savefig(self, *args, **kwargs):
            warnings.warn("mind the gap", RuntimeWarning, stacklevel=1)

    with pytest.warns(RuntimeWarning, match="mind the gap"):
        png_of(Loud())
