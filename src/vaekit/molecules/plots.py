"""Pictures of molecules: grids, predictions, the course of a search."""

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from vaekit.errors import DataError, SpecError
from vaekit.files import atomic_write, expanded_path
from vaekit.molecules.rdkit_tools import as_molecules, as_pattern, chemistry, quiet
from vaekit.plots.style import (
    ACCENT,
    DPI,
    INK,
    LABEL_SIZE,
    PALETTE,
    PLAIN,
    bare_frame,
    plain_text,
    write_key,
    write_title,
)
from vaekit.reports import lines, render

GRID_ENDINGS = (".png", ".svg", ".html")
"""What `MoleculeGrid.save` writes."""

_WIDTH, _DRAWING, _LINE, _FONT = 240, 145, 17, 13  # pixels of a cell, of a line of its caption
_NOT_ONE = "not a valid SMILES"


@dataclass(frozen=True)
class MoleculeGrid:
    """Molecules side by side with words under each; a notebook shows it as it is.

    Attributes:
        molecules: RDKit molecules, ``None`` for what is none.
        captions: Words under each, perhaps in several lines.
        columns: Molecules in a row.
        marked: Atoms to colour in each.
    """

    molecules: Sequence[Any]
    captions: Sequence[str]
    columns: int
    marked: Sequence[Sequence[int]]

    @property
    def _size(self) -> tuple[int, int]:
        """Width and height of a cell, pixels."""
        lines = max(caption.count("\n") + 1 for caption in self.captions)
        return _WIDTH, _DRAWING + _LINE * lines + 8

    def svg(self) -> str:
        """As text of SVG."""
        from rdkit.Chem.Draw.rdMolDraw2D import MolDraw2DSVG

        text: str = self._drawn(MolDraw2DSVG, 1)
        return text

    def png(self, scale: int = 2) -> bytes:
        """As the bytes of a PNG file.

        Args:
            scale: 1 for cells of 240 pixels' width.
        """
        from rdkit.Chem.Draw.rdMolDraw2D import MolDraw2DCairo

        content: bytes = self._drawn(MolDraw2DCairo, scale)
        return content

    def html(self, title: str = "Molecules") -> str:
        """As a page that needs no other file: drawings that scale, words that can be copied.

        Args:
            title: Of the page.
        """
        cards = lines(self._card(place) for place in range(len(self.molecules)))
        return render("molecule_grid", title=title, cards=cards).decode()

    def _card(self, place: int) -> Markup:
        drawn = MoleculeGrid([self.molecules[place]], [""], 1, [self.marked[place]]).svg()
        drawing = drawn[drawn.index("<svg") :]  # without the declaration of XML
        words = self.captions[place].split("\n")
        listed = Markup("").join(Markup("<li>{}</li>").format(word) for word in words)
        return Markup("<figure>{}<figcaption><ul>{}</ul></figcaption></figure>").format(
            Markup(drawing), listed
        )

    def figure(self, title: str | None = None) -> Figure:
        """As a figure of matplotlib.

        Args:
            title: Above it.
        """
        pixels = imread(io.BytesIO(self.png()), format="png")
        inches = pixels.shape[1] / DPI, pixels.shape[0] / DPI + (0.3 if title else 0)
        figure = Figure(figsize=inches, dpi=DPI, layout="constrained")
        axes = figure.add_subplot()
        axes.imshow(pixels, interpolation="antialiased")
        axes.set_axis_off()
        write_title(axes, title)
        return figure

    def save(self, path: str | Path, title: str = "Molecules") -> None:
        """Write a file; all of it or nothing.

        Args:
            path: Ends in one of `GRID_ENDINGS`.
            title: Of a page.

        Raises:
            SpecError: Another ending.
            SaveError: The file could not be written; what was there before is unchanged.
        """
        path = expanded_path(path)
        check_grid_path(path)
        if path.suffix == ".png":
            atomic_write(path, self.png())
        else:
            text = self.svg() if path.suffix == ".svg" else self.html(title)
            atomic_write(path, text.encode())

    def _repr_svg_(self) -> str:
        return self.svg()

    def _drawn(self, canvas: Any, scale: int) -> Any:
        width, height = (scale * side for side in self._size)
        rows = -(-len(self.molecules) // self.columns)
        drawer = canvas(self.columns * width, rows * height, width, height)
        options = drawer.drawOptions()
        options.legendFraction = 1 - _DRAWING / self._size[1]
        options.legendFontSize = _FONT * scale
        options.minFontSize, options.padding = 6 * scale, 0.06
        with quiet():
            drawer.DrawMolecules(
                [_gap() if molecule is None else molecule for molecule in self.molecules],
                legends=[caption or " " for caption in self.captions],
                highlightAtoms=[list(atoms) for atoms in self.marked],
            )
        drawer.FinishDrawing()
        return drawer.GetDrawingText()


def _gap() -> Any:
    """Return an atom that is drawn as a mark: RDKit writes no caption under nothing."""
    molecule = chemistry().MolFromSmiles("*")
    molecule.GetAtomWithIdx(0).SetProp("atomLabel", "?")
    return molecule


def check_grid_path(path: Path) -> None:
    """Refuse a file whose ending says nothing that can be drawn; worth asking before the work.

    Raises:
        SpecError: Another ending than `GRID_ENDINGS`.
    """
    if path.suffix not in GRID_ENDINGS:
        raise SpecError(
            f"a file of drawn molecules must end in {', '.join(GRID_ENDINGS)}; got {str(path)!r}."
        )


def molecule_grid(
    molecules: Iterable[Any],
    captions: Sequence[str] | None = None,
    *,
    columns: int = 5,
    marked: str | None = None,
) -> MoleculeGrid:
    """Draw molecules side by side.

    Args:
        molecules: SMILES, valid or not, or RDKit molecules.
        captions: Words under each, perhaps in several lines.
        columns: Molecules in a row, at least 1.
        marked: SMARTS of a substructure to colour in those that have it.

    Raises:
        DataError: No molecules, not one caption for each, SMARTS that cannot be read.
        SpecError: No columns.
        MissingExtraError: RDKit is not installed.

    Example:
        >>> molecule_grid(["CCO", "C1CC"], ["ethanol", "?"], columns=2).svg()[:5]
        '<?xml'
    """
    parsed = as_molecules(molecules)
    words = [""] * len(parsed) if captions is None else list(captions)
    if not parsed or len(words) != len(parsed):
        raise DataError(
            "there must be at least one molecule, and one caption for each; got "
            f"{len(parsed)} molecules and {len(words)} captions."
        )
    if columns < 1:
        raise SpecError(f"columns must be at least 1; got {columns}.")
    words = [
        word if molecule is not None else f"{word}\n{_NOT_ONE}".strip()
        for word, molecule in zip(words, parsed, strict=True)
    ]
    pattern = None if marked is None else as_pattern(marked)
    atoms = [() if pattern is None or m is None else m.GetSubstructMatch(pattern) for m in parsed]
    return MoleculeGrid(parsed, words, min(columns, len(parsed)), atoms)


Floats = NDArray[np.float64]

_SIDE, _ACROSS = 2.6, 3  # inches of a panel; panels in a row
_MOST = 5000  # points drawn, evenly taken
_MARGIN = 0.04


def prediction_scatter(pairs: Mapping[str, tuple[Floats, Floats]]) -> Figure:
    """Draw what is known against what was predicted, a panel for each property.

    A point on the diagonal was told exactly. Of more than 5,000, some are drawn.

    Args:
        pairs: By the title of the panel, the known and the predicted values, shape (items,) each;
            NaN is left out.

    Raises:
        DataError: No panel, or one without a value.

    Example:
        >>> figure = prediction_scatter({"logp": (np.array([1.0, 2.0]), np.array([1.2, 1.9]))})
        >>> figure.axes[0].get_xlabel()
        'known'
    """
    if not pairs:
        raise DataError("there must be at least one property to draw; got none.")
    across = min(len(pairs), _ACROSS)
    down = -(-len(pairs) // across)
    size = (_SIDE * across, _SIDE * down)
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    panels = figure.subplots(down, across, squeeze=False).ravel()
    for axes in panels[len(pairs) :]:
        axes.set_axis_off()
    for axes, (title, (known, predicted)) in zip(panels, pairs.items(), strict=False):
        _panel(axes, title, known, predicted)
    return figure


def _panel(axes: Axes, title: str, known: Floats, predicted: Floats) -> None:
    there = np.flatnonzero(~np.isnan(known) & ~np.isnan(predicted))
    if not len(there):
        raise DataError(f"{title!r} must be known and predicted of some items; it is of none.")
    bare_frame(axes)
    write_title(axes, title)
    shown = there[np.linspace(0, len(there) - 1, min(_MOST, len(there))).astype(int)]
    low = min(known[there].min(), predicted[there].min())
    high = max(known[there].max(), predicted[there].max())
    ends = np.array([low, high]) + _MARGIN * max(high - low, 1e-9) * np.array([-1, 1])
    axes.plot(ends, ends, color=ACCENT, linewidth=0.8, zorder=1)
    size, alpha = (12, 0.7) if len(shown) < 500 else (4, 0.3)
    axes.scatter(known[shown], predicted[shown], s=size, alpha=alpha, color=PLAIN, linewidths=0)
    axes.set_xlim(*ends)
    axes.set_ylim(*ends)
    axes.set_aspect("equal")
    axes.set_xlabel("known", fontsize=LABEL_SIZE, color=INK)
    axes.set_ylabel("predicted", fontsize=LABEL_SIZE, color=INK)


_SIZE = (6.0, 2.8)  # inches


def search_curves(curves: Mapping[str, NDArray[np.float64]], y: str = "best score") -> Figure:
    """Draw how far each search was after each call.

    Args:
        curves: By name, the best so far after each call, shape (calls,); NaN is left out.
        y: What they show.

    Raises:
        DataError: No curve.

    Example:
        >>> search_curves({"random": np.array([1.0, 2.0])}).axes[0].get_xlabel()
        'calls'
    """
    if not curves:
        raise DataError("curves must have at least one search; got none.")
    figure = Figure(figsize=_SIZE, dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    bare_frame(axes)
    keys = []
    for place, (name, values) in enumerate(curves.items()):
        color = PALETTE[place % len(PALETTE)]
        axes.step(np.arange(1, len(values) + 1), values, where="post", color=color, linewidth=1.4)
        keys.append(Line2D([], [], color=color, label=plain_text(name)))
    axes.set_xlabel("calls", fontsize=LABEL_SIZE, color=INK)
    axes.set_title(plain_text(y), loc="left", fontsize=LABEL_SIZE + 1, color=INK)
    write_key(figure, keys)
    return figure
