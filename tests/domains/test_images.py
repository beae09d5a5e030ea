"""Images in every usual form, and every kind of bad input."""

import gzip
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset

from vaekit import Autoencoder, load
from vaekit.anomalies import VAEDetector
from vaekit.domains import infer_domain, read_source
from vaekit.errors import DataError, SpecError
from vaekit.images import ImageDomain
from vaekit.images import folders as image_folders
from vaekit.images.folders import write_images
from vaekit.plots import image_grid


def images(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize(
    ("shape", "layout", "event"),
    [
        ((4, 9, 7), "NHW", (1, 9, 7)),
        ((4, 9, 7, 3), "NHWC", (3, 9, 7)),
        ((4, 3, 9, 7), "NCHW", (3, 9, 7)),
        ((4, 9, 7, 1), "NHWC", (1, 9, 7)),
        ((4, 9, 7, 4), "NHWC", (4, 9, 7)),
    ],
)
@pytest.mark.parametrize("kind", ["uint8", "unit", "bytes as floats", "tensor"])
def test_every_layout_and_range_comes_back_as_it_was(shape, layout, event, kind):
    raw = images(*shape)
    raw[0].flat[0], raw[0].flat[1] = 0, 255
    given = {
        "uint8": raw,
        "unit": (raw / 255).astype(np.float32),
        "bytes as floats": raw.astype(np.float64),
        "tensor": torch.from_numpy(raw),
    }[kind]
    domain = infer_domain(given).fit(given)
    assert (domain.layout, domain.event_shape) == (layout, event)
    rows = domain.prepare(given)
    assert rows.dtype == (torch.uint8 if given.dtype in (np.uint8, torch.uint8) else torch.float32)
    x = domain.encode(rows)
    assert x.shape == (4, *event)
    assert x.min() >= 0
    assert x.max() == 1
    back = domain.decode(x)
    assert isinstance(back, type(given))
    assert back.dtype == given.dtype
    assert np.allclose(np.asarray(back), np.asarray(given), atol=1e-4)


def test_uint8_is_not_copied():
    raw = images(4, 9, 7)
    assert ImageDomain().fit(raw).prepare(raw).data_ptr() == raw.ctypes.data


def test_same_number_of_values_in_another_shape_is_refused():
    domain = ImageDomain().fit(images(5, 8, 8))
    with pytest.raises(DataError, match=r"shape \(n, 8, 8\) \[NHW\] as in training; got .*4, 16"):
        domain.prepare(images(5, 4, 16))
    color = ImageDomain().fit(images(5, 8, 8, 3))
    with pytest.raises(DataError, match=r"\(n, 8, 8, 3\) \[NHWC\]"):
        color.prepare(images(5, 3, 8, 8))
    with pytest.raises(DataError, match="as in training"):
        color.prepare(images(5, 8, 8, 1))


def test_ambiguous_layout_asks():
    with pytest.raises(DataError, match=r"both are possible.*layout="):
        ImageDomain().fit(images(5, 3, 8, 3))
    assert ImageDomain(layout="NCHW").fit(images(5, 3, 8, 3)).event_shape == (3, 8, 3)
    with pytest.raises(DataError, match="neither axis"):
        ImageDomain().fit(images(5, 8, 8, 7))
    with pytest.raises(SpecError, match="layout must be one of"):
        ImageDomain(layout="HWC").fit(images(5, 3, 8, 3))


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (images(0, 8, 8), "at least one row"),
        (images(1, 8, 8), "at least 2 rows"),
        (np.full((3, 8, 8), -1.0), r"0 … 255 or 0 … 1; got \[-1, -1\].*\(x \+ 1\) / 2"),
        (np.full((3, 8, 8), 300.0), "0 … 255"),
        (images(3, 64), "axes NHW"),
        (np.full((3, 8, 8), "a"), "must be numbers"),
    ],
)
def test_bad_images_are_explained(raw, message):
    with pytest.raises(DataError, match=message):
        ImageDomain().fit(raw)


def test_nan_is_located_by_pixel():
    raw = np.zeros((3, 8, 8))
    raw[1, 2, 5] = np.nan
    with pytest.raises(DataError, match=r"NaN at row 1, column \(2, 5\)"):
        ImageDomain().fit(raw)


def test_ranges_must_agree_with_training():
    raw = images(5, 8, 8)
    raw[:, 0, 0] = 255
    byte, unit, wide = raw, raw / 255.0, raw.astype(float)
    trained_on = {
        name: ImageDomain().fit(x) for name, x in (("byte", byte), ("unit", unit), ("wide", wide))
    }
    expected = trained_on["byte"].encode(trained_on["byte"].prepare(byte))
    for domain in trained_on.values():
        assert torch.allclose(domain.encode(domain.prepare(byte)), expected)
    assert torch.allclose(trained_on["byte"].encode(trained_on["byte"].prepare(unit)), expected)
    for name in ("byte", "unit"):
        with pytest.raises(DataError, match=r"between 0 and 1 as in training.*Divide by 255"):
            trained_on[name].prepare(wide)
    with pytest.raises(DataError, match=r"looks like 0 to 1. Multiply by 255"):
        trained_on["wide"].prepare(unit)


def write_folder(folder: Path, sizes, mode="RGB"):
    folder.mkdir()
    for i, size in enumerate(sizes):
        Image.fromarray(images(*size, 3, seed=i)).convert(mode).save(folder / f"{i:02}.png")
    return folder


def test_a_folder_of_color_and_gray_images(tmp_path):
    color = read_source(write_folder(tmp_path / "c", [(8, 6)] * 3))
    assert (color.shape, color.dtype) == ((3, 8, 6, 3), np.uint8)
    assert np.array_equal(color[1], images(8, 6, 3, seed=1))
    assert read_source(write_folder(tmp_path / "g", [(8, 6)] * 3, "L")).shape == (3, 8, 6)
    domain = infer_domain(tmp_path / "c").fit(tmp_path / "c")
    assert domain.event_shape == (3, 8, 6)


def test_mixed_sizes_are_named_and_can_be_scaled(tmp_path):
    folder = write_folder(tmp_path / "m", [(8, 6), (10, 6)])
    with pytest.raises(DataError, match=r"00.png is 8x6 and .*01.png is 10x6.*--size"):
        read_source(folder)
    assert ImageDomain(size=(4, 5)).read(folder).shape == (2, 4, 5, 3)


@pytest.mark.parametrize("content", [b"", b"not an image", b"\x89PNG\r\n\x1a\nbroken"])
def test_a_file_that_is_no_image_is_named_and_can_be_skipped(tmp_path, content):
    folder = write_folder(tmp_path / "f", [(8, 6)] * 2)
    (folder / "01b.png").write_bytes(content)
    with pytest.raises(DataError, match=r"01b.png is not.*on_bad='skip'"):
        read_source(folder)
    assert len(ImageDomain(on_bad="skip").read(folder)) == 2
    with pytest.raises(SpecError, match="on_bad"):
        ImageDomain(on_bad="ignore").read(folder)


def test_a_truncated_image_is_named(tmp_path):
    folder = write_folder(tmp_path / "f", [(60, 60)] * 2)
    content = (folder / "01.png").read_bytes()
    (folder / "01.png").write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=r"01.png is not"):
        read_source(folder)


def test_transparency_becomes_white_and_rotation_is_applied(tmp_path):
    folder = tmp_path / "t"
    folder.mkdir()
    Image.new("RGBA", (4, 4), (255, 0, 0, 0)).save(folder / "a.png")
    Image.new("RGBA", (4, 4), (255, 0, 0, 255)).save(folder / "b.png")
    read = read_source(folder)
    assert (read[0] == 255).all()
    assert read[1, 0, 0].tolist() == [255, 0, 0]
    turned = tmp_path / "r"
    turned.mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright
    for name in "ab":
        Image.new("RGB", (8, 4)).save(turned / f"{name}.jpg", exif=exif)
    assert read_source(turned).shape[1:3] == (8, 4)


def test_empty_and_missing_sources(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="must hold image files"):
        read_source(tmp_path / "empty")
    with pytest.raises(DataError, match="there is nothing at"):
        read_source(tmp_path / "absent")
    (tmp_path / "a.xyz").touch()
    with pytest.raises(DataError, match="must end in"):
        read_source(tmp_path / "a.xyz")


def test_array_files(tmp_path):
    raw = images(3, 8, 6)
    np.save(tmp_path / "a.npy", raw)
    np.savez(tmp_path / "a.npz", X=raw, y=np.zeros(3))
    with gzip.open(tmp_path / "a.gz", "wb") as file:
        file.write(bytes([0, 0, 8, 3]) + b"".join(n.to_bytes(4, "big") for n in raw.shape))
        file.write(raw.tobytes())
    for name in ("a.npy", "a.npz", "a.gz"):
        assert np.array_equal(read_source(tmp_path / name), raw)
        assert isinstance(infer_domain(tmp_path / name), ImageDomain)


def test_damaged_array_files_are_named(tmp_path):
    np.savez(tmp_path / "two.npz", a=np.zeros(2), b=np.zeros(2))
    with pytest.raises(DataError, match=r"one array, or one named .*got \['a', 'b'\]"):
        read_source(tmp_path / "two.npz")
    np.save(tmp_path / "object.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="allow_pickle"):
        read_source(tmp_path / "object.npy")
    (tmp_path / "bad.npz").write_bytes(b"PK\x03\x04nonsense")
    with pytest.raises(DataError, match=r"bad.npz must be a readable"):
        read_source(tmp_path / "bad.npz")
    header = bytes([0, 0, 8, 1]) + (100).to_bytes(4, "big")
    (tmp_path / "short.gz").write_bytes(gzip.compress(header + b"x" * 50))
    with pytest.raises(DataError, match="100 values by its header; got 50"):
        read_source(tmp_path / "short.gz")
    (tmp_path / "plain.gz").write_bytes(b"no gzip")
    with pytest.raises(DataError, match=r"plain.gz must be a readable"):
        read_source(tmp_path / "plain.gz")


def saved(folder, **images):
    folder.mkdir(exist_ok=True)
    for name, image in images.items():
        image.save(folder / f"{name}.png")
    return folder


def test_transparency_can_be_kept(tmp_path):
    clear = Image.new("RGBA", (6, 8), (200, 10, 10, 0))
    folder = saved(tmp_path / "s", clear=clear, gray=Image.new("L", (6, 8), 40))
    domain = ImageDomain(transparency="keep")
    images = domain.read(folder)
    assert images.shape == (2, 8, 6, 4)
    assert (images[0] == [200, 10, 10, 0]).all()
    assert (images[1] == [40, 40, 40, 255]).all()
    assert domain.fit(folder).event_shape == (4, 8, 6)
    with pytest.raises(SpecError, match="transparency must be 'white' or 'keep'; got 'black'"):
        ImageDomain(transparency="black").read(folder)


def test_animated_files_give_their_first_frame_and_are_named(tmp_path):
    frames = [Image.new("RGB", (6, 8), (level, 0, 0)) for level in (10, 200)]
    folder = saved(tmp_path / "a", still=frames[0])
    frames[0].save(folder / "moving.gif", save_all=True, append_images=frames[1:])
    with pytest.warns(UserWarning, match=r"1 files are animated.*moving\.gif"):
        images = read_source(folder)
    assert images.shape == (2, 8, 6, 3)
    assert np.allclose(images[..., 0], 10, atol=3)


def test_sixteen_bits_keep_their_grays(tmp_path):
    levels = np.linspace(0, 65535, 48).reshape(8, 6).astype(np.uint16)
    folder = saved(tmp_path / "d", deep=Image.fromarray(levels))
    assert np.array_equal(read_source(folder)[0], (levels / 257).astype(np.uint8))


@pytest.mark.parametrize(("bits", "largest"), [(8, 200), (10, 1000), (12, 4095), (14, 9000)])
@pytest.mark.parametrize("form", ["png", "tif"])
def test_grays_of_fewer_than_sixteen_bits_keep_their_range(tmp_path, bits, largest, form):
    levels = np.linspace(0, largest, 48).reshape(8, 6).astype(np.uint16)
    for name, image in (("a", levels), ("b", levels // 3)):
        Image.fromarray(image).save(tmp_path / f"{name}.{form}")
    with pytest.warns(UserWarning, match=rf"2 files .* up to {largest}.* {bits} bits.*--bits"):
        found = read_source(tmp_path)
    most = 2**bits - 1
    assert np.array_equal(found[0], (levels.astype(int) * 255 // most).astype(np.uint8))
    assert np.array_equal(found[1], ((levels // 3).astype(int) * 255 // most).astype(np.uint8))
    told = ImageDomain(bits=bits).read(tmp_path)
    assert np.array_equal(told, found)
    with pytest.raises(SpecError, match="bits must be one of 8, 10, 12, 14, 16; got 9"):
        ImageDomain(bits=9).read(tmp_path)


def test_files_that_come_later_are_read_as_those_of_training(tmp_path):
    levels = np.linspace(0, 4000, 48).reshape(8, 6).astype(np.uint16)
    first, later = tmp_path / "first", tmp_path / "later"
    for folder, image in ((first, levels), (later, levels // 8)):
        folder.mkdir()
        for name in "ab":
            Image.fromarray(image).save(folder / f"{name}.png")
    with pytest.warns(UserWarning, match="12 bits"):
        domain = ImageDomain().fit(first)
    assert domain.bits == 12
    rows = domain.prepare(later)  # no warning, and no 10 bits
    assert int(rows.max()) == 500 * 255 // 4095
    Image.fromarray(levels * 16).save(later / "c.png")
    with pytest.raises(DataError, match=r"c\.png.*12 bits must have values from 0 to 4095"):
        domain.prepare(later)


def test_a_tiff_that_tells_its_bits_is_believed(tmp_path):
    for name in "ab":
        image = Image.fromarray(np.full((8, 6), 900, np.uint16))
        image.save(tmp_path / f"{name}.tif", tiffinfo={281: 4095})
    assert (read_source(tmp_path) == 900 * 255 // 4095).all()


@pytest.mark.parametrize(("largest", "most"), [(900, 1023), (4000, 4095), (60000, 65535)])
@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.int64])
@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_deep_arrays_keep_their_range_and_dtype(largest, most, dtype, kind):
    raw = np.linspace(0, largest, 4 * 8 * 6).reshape(4, 8, 6).astype(dtype)
    given = raw if kind == "numpy" else torch.from_numpy(raw)
    if most < 65535:
        with pytest.warns(UserWarning, match=f"up to {largest}.*from 0 to {most}"):
            domain = ImageDomain().fit(given)
    else:
        domain = ImageDomain().fit(given)
    assert domain.scale == most
    x = domain.encode(domain.prepare(given))
    np.testing.assert_allclose(x[:, 0], raw / most, rtol=1e-6)
    back = domain.decode(x)
    assert back.dtype == given.dtype
    np.testing.assert_array_equal(np.asarray(back), raw)
    assert domain.prepare(raw[:2] // 100).max() < 0.01
    with pytest.raises(DataError, match=f"between 0 and {most} as in training"):
        domain.prepare(np.full((2, 8, 6), 70000, np.int32))
    with pytest.raises(DataError, match="looks like 0 to 1"):
        domain.prepare(np.full((2, 8, 6), 0.5))


def test_deep_values_that_are_none_are_refused():
    with pytest.raises(DataError, match="from 0 to 65535; got"):
        ImageDomain().fit(np.full((2, 8, 6), 70000, np.int32))
    with pytest.raises(DataError, match="12 bits must have values from 0 to 4095; got 5000"):
        ImageDomain(bits=12).fit(np.full((2, 8, 6), 5000, np.uint16))


def test_a_model_of_deep_images_draws_and_writes_them(tmp_path):
    rng = np.random.default_rng(0)
    raw = rng.integers(0, 4096, (12, 8, 8)).astype(np.uint16)
    model = Autoencoder("vae", 2, domain=ImageDomain(bits=12), max_epochs=1, progress=False)
    made = model.fit(raw).sample(3, seed=0)
    assert made.dtype == np.uint16
    assert image_grid(made) is not None
    write_images(raw, tmp_path / "out", source="some.npy", on_bad="raise")
    assert np.array_equal(np.asarray(Image.open(tmp_path / "out" / "00001.png")), raw[1])
    model.save(tmp_path / "run")
    assert np.array_equal(load(tmp_path / "run").transform(raw), model.transform(raw))


@pytest.mark.parametrize("layout", ["NHW", "NCHW"])
def test_bfloat16_goes_in_and_comes_out(layout):
    shape = (12, 8, 8) if layout == "NHW" else (12, 3, 8, 8)
    raw = torch.from_numpy(images(*shape) / 255).to(torch.bfloat16)
    domain = infer_domain(raw).fit(raw)
    back = domain.decode(domain.encode(domain.prepare(raw)))
    assert back.dtype == torch.bfloat16
    assert torch.allclose(back.float(), raw.float(), atol=0.01)


class Pictures(Dataset):
    def __init__(self, items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, place):
        return self.items[place]


RAW = images(48, 8, 8)
DATA_SETS = {
    "tensors": Pictures(list(torch.from_numpy(RAW))),
    "arrays with labels": Pictures([(image, place % 3) for place, image in enumerate(RAW)]),
    "pictures with labels": Pictures([(Image.fromarray(image), 1) for image in RAW]),
    "tensor data set": TensorDataset(torch.from_numpy(RAW), torch.arange(48)),
    "subset": Subset(TensorDataset(torch.from_numpy(RAW)), list(range(48))),
    "list of pictures": [Image.fromarray(image) for image in RAW],
}


@pytest.mark.parametrize("name", DATA_SETS)
def test_data_sets_of_pytorch_go_in_at_every_door(name):
    given = DATA_SETS[name]
    options = {"max_epochs": 1, "progress": False}
    model = Autoencoder("vae", 2, **options).fit(given)
    plain = Autoencoder("vae", 2, **options).fit(RAW)
    np.testing.assert_array_equal(model.transform(given), plain.transform(RAW))
    np.testing.assert_array_equal(model.score_samples(given), plain.score_samples(RAW))
    np.testing.assert_array_equal(np.asarray(model.reconstruct(given)), plain.reconstruct(RAW))
    judge = VAEDetector(novelty=True, **options).fit(given)
    assert judge.score_samples(given).shape == (48,)
    assert VAEDetector(**options, false_alarm_rate=0.1).fit(given).predict(given).shape == (48,)


def test_numbers_of_16_bits_go_in_at_every_door():
    rows = torch.randn(200, 4, generator=torch.Generator().manual_seed(0)).to(torch.bfloat16)
    for given in (rows, TensorDataset(rows, torch.arange(200)), rows.clone().requires_grad_()):
        model = Autoencoder("vae", 2, max_epochs=1, progress=False).fit(given)
        assert model.transform(given).shape == (200, 2)
        judge = VAEDetector(max_epochs=1, progress=False, false_alarm_rate=0.1).fit(given)
        assert judge.predict(given).shape == (200,)
        labels = (rows[:, 0] > 0).to(torch.bfloat16)
        Autoencoder("cvae", 2, max_epochs=1, progress=False).fit(given, context=labels)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (DataLoader(DATA_SETS["tensors"]), r"got a DataLoader.*loader\.dataset"),
        (Pictures([]), "Pictures is empty"),
        (Pictures([{"image": 1}]), "got dict at place 0"),
        (Pictures([RAW[0], RAW[1][:4]]), r"of one shape; got \(4, 8\) at place 1"),
        (Pictures([RAW[0], torch.zeros(8, 8)]), "of one kind; got Tensor at place 1"),
        (torch.zeros(4, 4).to_sparse(), "sparse"),
    ],
)
def test_data_sets_that_cannot_be_read_say_why(given, words):
    with pytest.raises(DataError, match=words):
        Autoencoder(max_epochs=1, progress=False).fit(given)


@pytest.mark.parametrize(
    "name",
    ["Thumbs.db", ".DS_Store", "desktop.ini", ".hidden", ".git/config", "__MACOSX/a.png",
     "a/thumbs.DB", "metadata.csv", "metadata.jsonl"],
)  # fmt: skip
@pytest.mark.parametrize("on_bad", ["raise", "skip"])
def test_what_systems_leave_behind_is_passed_over(tmp_path, name, on_bad):
    folder = write_folder(tmp_path / "p", [(8, 6)] * 3)
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"no picture")
    assert ImageDomain(on_bad=on_bad).read(folder).shape == (3, 8, 6, 3)
    (folder / "broken.png").write_bytes(b"no picture")
    if on_bad == "raise":
        with pytest.raises(DataError, match=r"broken\.png"):
            ImageDomain().read(folder)


def test_float_images_are_named(tmp_path):
    Image.new("F", (6, 8), 0.5).save(tmp_path / "float.tif")
    with pytest.raises(DataError, match=r"float\.tif is not \(its values are floats"):
        read_source(tmp_path)


def test_images_that_do_not_fit_in_memory_ask_for_a_size(tmp_path, monkeypatch):
    folder = write_folder(tmp_path / "large", [(60, 50)] * 3)
    monkeypatch.setattr(image_folders, "_MOST_BYTES", 60 * 50 * 4 * 2)
    with pytest.raises(DataError, match=r"must fit in memory; .*png is 60x50, and 3 such files"):
        read_source(folder)
    assert ImageDomain(size=(8, 8)).read(folder).shape == (3, 8, 8, 3)


def test_a_large_photograph_is_read_at_a_fraction_of_its_size(tmp_path, monkeypatch):
    photo = Image.new("RGB", (1600, 1200), (10, 200, 30))
    photo.save(tmp_path / "photo.jpg")
    decoded = []
    original = image_folders.ImageReader._converted

    def watch(self, opened):
        decoded.append(opened.size)
        return original(self, opened)

    monkeypatch.setattr(image_folders.ImageReader, "_converted", watch)
    image = ImageDomain(size=(64, 64)).read(tmp_path)[0]
    assert decoded == [(200, 150)]
    assert image.shape == (64, 64, 3)
    assert np.allclose(image, [10, 200, 30], atol=4)
