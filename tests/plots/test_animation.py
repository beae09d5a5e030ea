import numpy as np
import pytest
from PIL import Image, ImageSequence

from vaekit.errors import DataError, SaveError
from vaekit.plots import path_frames, save_animation

GREY = np.random.default_rng(0).integers(0, 256, (5, 8, 6), np.uint8)
COLOUR = np.random.default_rng(1).integers(0, 4, (4, 8, 6, 3), np.uint8) * 85


def frames_of(path):
    with Image.open(path) as file:
        return [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(file)]


@pytest.mark.parametrize("frames", [GREY, COLOUR], ids=["grey", "colour"])
def test_it_goes_there_and_back_again(tmp_path, frames):
    save_animation(frames, tmp_path / "new" / "way.gif", seconds=2)
    shown = frames_of(tmp_path / "new" / "way.gif")
    n = len(frames)
    order = [*range(n), *range(n - 2, 0, -1)]
    assert len(shown) == 2 * n - 2
    for frame, index in zip(shown, order, strict=True):
        expected = frames[index] if frames.ndim == 4 else frames[index][..., None]
        np.testing.assert_array_equal(frame, np.broadcast_to(expected, frame.shape))
    with Image.open(tmp_path / "new" / "way.gif") as file:
        assert file.info["loop"] == 0
        assert file.info["duration"] == pytest.approx(2000 / len(shown), abs=5)


def test_many_colors_become_the_nearest_of_256(tmp_path):
    ramp = np.linspace(0, 1, 3 * 16 * 16 * 3).reshape(3, 16, 16, 3)
    save_animation(ramp, tmp_path / "way.gif")
    for frame, given in zip(frames_of(tmp_path / "way.gif")[:3], ramp, strict=True):
        assert np.abs(frame / 255 - given).max() < 0.05


def test_one_frame_and_two(tmp_path):
    for n in (1, 2):
        save_animation(GREY[:n], tmp_path / "way.gif", seconds=0.001)
        assert len(frames_of(tmp_path / "way.gif")) == n


def test_the_same_frames_give_the_same_bytes(tmp_path):
    for name in ("a.gif", "b.gif"):
        save_animation(COLOUR, tmp_path / name)
    assert (tmp_path / "a.gif").read_bytes() == (tmp_path / "b.gif").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.gif", "b.gif"]


def test_a_failed_write_leaves_the_old_file(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("old")
    with pytest.raises(SaveError):
        save_animation(GREY, blocked / "way.gif")
    assert blocked.read_text() == "old"


def test_bad_calls_say_what_to_do(tmp_path):
    with pytest.raises(DataError, match=r"path must end in \.gif; got .*way\.mp4"):
        save_animation(GREY, tmp_path / "way.mp4")
    with pytest.raises(DataError, match="seconds must be positive and finite; got 0"):
        save_animation(GREY, tmp_path / "way.gif", seconds=0)
    with pytest.raises(DataError, match="frames must"):
        save_animation(GREY[0], tmp_path / "way.gif")
    assert list(tmp_path.iterdir()) == []


def test_frames_show_every_way_at_one_step():
    strips = np.zeros((3, 4, 8, 8))
    strips[2, 3] = 1
    frames = path_frames(strips)
    assert len(frames) == 4
    third = frames[:, -96:, :96]
    assert (third[3] == 255).all()
    assert (third[:3] == 0).all()
