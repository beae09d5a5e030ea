"""Drawn molecules: what is in the files, and what is refused."""

import io

import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

pytest.importorskip("rdkit")

from vaekit.errors import DataError, SpecError
from vaekit.molecules import GRID_ENDINGS, as_molecules, molecule_grid

SMILES = ["CCO", "C1CC", "c1ccccc1O"]


def test_a_png_has_a_cell_for_each():
    grid = molecule_grid(SMILES, ["a", "b", "c"], columns=2)
    pixels = imread(io.BytesIO(grid.png(1)), format="png")
    height, width = pixels.shape[0] // 2, pixels.shape[1] // 2
    cells = [pixels[:height, :width], pixels[:height, width:], pixels[height:, :width]]
    assert all(cell.min() < 1 for cell in cells)
    assert pixels[height:, width:].min() == 1  # there is no fourth
    assert grid.png(2) != grid.png(1)


def test_marks_are_drawn_where_the_substructure_is():
    plain, marked = (molecule_grid(SMILES, marked=smarts) for smarts in (None, "c1ccccc1"))
    assert [len(atoms) for atoms in marked.marked] == [0, 0, 6]
    assert marked.svg() != plain.svg()


def test_words_in_the_page_are_safe_and_the_invalid_is_said():
    page = molecule_grid(SMILES, ["<b>", "two\nlines", "c"]).html("A & B")
    assert "&lt;b&gt;" in page
    assert "<b>" not in page
    assert "<li>two</li><li>lines</li><li>not a valid SMILES</li>" in page
    assert page.count("<svg") == 3
    assert "<title>A &amp; B</title>" in page
    assert "<?xml" not in page


def test_a_figure_and_a_notebook():
    grid = molecule_grid(as_molecules(SMILES))
    assert isinstance(grid.figure("samples"), Figure)
    assert grid.figure("samples").axes[0].get_title(loc="left") == "samples"
    assert grid._repr_svg_().startswith("<?xml")


@pytest.mark.parametrize("ending", GRID_ENDINGS)
def test_files(tmp_path, ending):
    path = tmp_path / f"new/grid{ending}"
    molecule_grid(SMILES).save(path)
    start = {".png": b"\x89PNG", ".svg": b"<?xml", ".html": b"<!doctype html>"}[ending]
    assert path.read_bytes().startswith(start)


def test_refusals(tmp_path):
    with pytest.raises(DataError, match="at least one molecule"):
        molecule_grid([])
    with pytest.raises(DataError, match="3 molecules and 1 captions"):
        molecule_grid(SMILES, ["a"])
    with pytest.raises(SpecError, match="columns must be at least 1"):
        molecule_grid(SMILES, columns=0)
    with pytest.raises(DataError, match=r"SMARTS that RDKit can read; got 'c1c'"):
        molecule_grid(SMILES, marked="c1c")
    with pytest.raises(SpecError, match=r"must end in \.png, \.svg, \.html; got .*grid\.pdf"):
        molecule_grid(SMILES).save(tmp_path / "grid.pdf")
    assert list(tmp_path.iterdir()) == []
