import functools
import gzip
import hashlib
import struct
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from vaekit.datasets import fashion_mnist
from vaekit.errors import DataError

module = sys.modules["vaekit.datasets.images"]
DEBIAN = Path("/usr/share/datasets/fashion-mnist")
TEST_FILES = ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")
PUBLISHED = 1504176627  # when the authors packed the test files; Debian strips time and name

needs_debian = pytest.mark.skipif(
    not DEBIAN.is_dir(), reason="Debian's package dataset-fashion-mnist is not installed"
)


def write_idx(path, array):
    head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    path.write_bytes(gzip.compress(head + array.tobytes(), mtime=0))


@pytest.fixture
def tiny(tmp_path):
    """A folder with a test split of three images."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    rng = np.random.default_rng(0)
    write_idx(folder / TEST_FILES[0], rng.integers(0, 256, (3, 28, 28), np.uint8))
    write_idx(folder / TEST_FILES[1], np.array([9, 0, 4], np.uint8))
    return folder


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """No Debian package, an empty cache, and a server that is not there."""
    monkeypatch.setattr(module, "_DEBIAN_FOLDER", tmp_path / "absent")
    monkeypatch.setattr(module, "_URL", "http://127.0.0.1:9/")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path / "cache" / "vaekit" / "fashion-mnist"


@pytest.fixture
def serve(offline, monkeypatch):
    """Serve a folder in the place of the authors' site."""
    servers = []

    def start(folder):
        handler = functools.partial(Quiet, directory=str(folder))
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        monkeypatch.setattr(module, "_URL", f"http://127.0.0.1:{server.server_port}/")
        return offline

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def expect(monkeypatch, folder):
    hashes = {
        name: "md5:" + hashlib.md5((folder / name).read_bytes()).hexdigest() for name in TEST_FILES
    }
    monkeypatch.setattr(module, "_HASHES", hashes)


def test_a_folder_is_read(tiny):
    data = fashion_mnist("test", tiny)
    expected = np.random.default_rng(0).integers(0, 256, (3, 28, 28), np.uint8)
    np.testing.assert_array_equal(data.images, expected)
    assert [data.label_names[label] for label in data.labels] == [
        "Ankle boot",
        "T-shirt/top",
        "Coat",
    ]
    assert data.images.flags.writeable


def test_a_folder_without_the_files_is_named(tiny):
    with pytest.raises(DataError, match=r"must hold train-images.*tiny.*apt-get install"):
        fashion_mnist("train", tiny)


def test_a_truncated_file_is_named(tiny):
    file = tiny / TEST_FILES[0]
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(DataError, match="t10k-images"):
        fashion_mnist("test", tiny)


def test_images_and_labels_must_match(tiny):
    write_idx(tiny / TEST_FILES[1], np.array([1, 2], np.uint8))
    with pytest.raises(DataError, match="one per image"):
        fashion_mnist("test", tiny)


def test_files_are_downloaded_once_and_kept(tiny, serve, monkeypatch):
    expect(monkeypatch, tiny)
    cache = serve(tiny)
    first = fashion_mnist("test")
    assert sorted(path.name for path in cache.iterdir()) == sorted(TEST_FILES)
    monkeypatch.setattr(module, "_URL", "http://127.0.0.1:9/")
    np.testing.assert_array_equal(fashion_mnist("test").images, first.images)


def test_another_file_than_expected_is_refused_and_not_kept(tiny, serve, monkeypatch):
    cache = serve(tiny)
    with pytest.raises(DataError, match=r"(?s)hash.*apt-get install dataset-fashion-mnist"):
        fashion_mnist("test")
    assert list(cache.iterdir()) == []


@pytest.mark.usefixtures("offline")
def test_a_failed_download_says_what_to_do():
    with pytest.raises(DataError, match=r"apt-get install dataset-fashion-mnist.*folder="):
        fashion_mnist("test")


@needs_debian
def test_the_published_files_pass_their_checksums(serve, tmp_path):
    folder = tmp_path / "published"
    folder.mkdir()
    for name in TEST_FILES:
        packed = (DEBIAN / name).read_bytes()
        head = b"\x1f\x8b\x08\x08" + struct.pack("<I", PUBLISHED) + b"\0\x03"
        (folder / name).write_bytes(head + name.removesuffix(".gz").encode() + b"\0" + packed[10:])
    cache = serve(folder)
    data = fashion_mnist("test")
    assert len(list(cache.iterdir())) == 2
    assert data.images.shape == (10_000, 28, 28)


@needs_debian
def test_debians_files_are_found():
    data = fashion_mnist("test")
    assert data.images.shape == (10_000, 28, 28)
    np.testing.assert_array_equal(np.bincount(data.labels), [1000] * 10)
    assert data.label_names[data.labels[0]] == "Ankle boot"
    trousers, bags = (data.images[data.labels == label] for label in (1, 8))
    assert bags[:, :, :6].mean() > 3 * trousers[:, :, :6].mean()  # trousers leave the sides black
