import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from vaekit.errors import DataError, SaveError
from vaekit.plots import image_grid, save_figure

IMAGES = np.random.default_rng(0).integers(0, 250, (6, 8, 8), np.uint8)


def test_the_file_holds_the_images_pixel_by_pixel(tmp_path):
    figure = image_grid(IMAGES, title="six")
    save_figure(figure, tmp_path / "grid.png")
    with Image.open(tmp_path / "grid.png") as file:
        page = np.asarray(file.convert("RGB"))
        assert file.info["dpi"] == pytest.approx((150, 150), abs=0.1)
    mosaic = np.asarray(figure.axes[0].images[0].get_array())
    height, width = mosaic.shape[:2]
    positions = [
        (top, left)
        for top in range(page.shape[0] - height + 1)
        for left in range(page.shape[1] - width + 1)
        if (page[top : top + height, left : left + width] == mosaic).all()
    ]
    assert len(positions) == 1


def test_the_same_figure_gives_the_same_bytes(tmp_path):
    for name in ("a.png", "b.png"):
        save_figure(image_grid(IMAGES, title="six"), tmp_path / name)
    content = (tmp_path / "a.png").read_bytes()
    assert content == (tmp_path / "b.png").read_bytes()
    assert b"Software" not in content
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_a_failed_write_leaves_the_old_file(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("old")
    with pytest.raises(SaveError):
        save_figure(image_grid(IMAGES), blocked / "grid.png")
    assert blocked.read_text() == "old"


def test_only_png_is_written(tmp_path):
    with pytest.raises(DataError, match=r"path must end in \.png; got .*grid\.pdf"):
        save_figure(image_grid(IMAGES), tmp_path / "grid.pdf")
    assert list(tmp_path.iterdir()) == []


def test_pyplot_stays_unimported():
    code = (
        "import sys, io, numpy as np; from vaekit.plots import *;"
        "image_grid(np.zeros((1, 8, 8))).savefig(io.BytesIO());"
        "sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
