"""Items whose files came without names, as in a request."""

import numpy as np
import pytest

from vaekit.errors import CompositionError, DataError
from vaekit.images import ImageDomain
from vaekit.tables import TableDomain


@pytest.mark.parametrize("shape", [(4, 6, 5), (4, 6, 5, 3), (4, 1, 6, 5)])
def test_images_are_files_and_back(shape):
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    domain = ImageDomain().fit(images)
    files = [domain.file_content(image) for image in images]
    assert all(file.startswith(b"\x89PNG") for file in files)
    assert np.array_equal(domain.read_contents(files, 1000), images)


def test_pixels_between_0_and_1_become_bytes():
    images = np.linspace(0, 1, 60, dtype=np.float32).reshape(2, 6, 5)
    domain = ImageDomain().fit(images)
    found = domain.read_contents([domain.file_content(images[1])], 1000)
    assert np.array_equal(found[0], np.rint(images[1] * 255).astype(np.uint8))


def test_large_files_are_refused_before_their_pixels_are_read():
    images = np.zeros((2, 60, 50), np.uint8)
    domain = ImageDomain().fit(images)
    with pytest.raises(DataError, match="image number 0: "):
        domain.read_contents([domain.file_content(images[0])], 100)


def test_rows_have_no_files():
    domain = TableDomain()
    with pytest.raises(CompositionError, match="items of TableDomain must be sent without files"):
        domain.read_contents([b""], 100)
    with pytest.raises(CompositionError, match="items of TableDomain have no files of their own"):
        domain.file_content(None)
