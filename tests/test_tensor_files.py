"""Files of tensors are those of safetensors, to the byte."""

import pytest
import torch
from safetensors.torch import save

from vaekit.tensor_files import _DTYPES, tensor_pieces

TENSORS = {f"{name}-é": torch.arange(3).to(dtype) for name, dtype in _DTYPES.items()}


@pytest.mark.parametrize("notes", [None, {"vaekit": '{"a": "é \\u007f\x7f\x01\t"}'}])
@pytest.mark.parametrize(
    "tensors",
    [
        TENSORS,
        {},
        {"b": torch.zeros(()), "a": torch.zeros(0, 3), 'c "quoted"\n': torch.ones(2, 2)},
        {"b": torch.ones(2, 3).T.contiguous(), "a": torch.nn.Parameter(torch.ones(1))},
    ],
)
def test_pieces_are_the_bytes_of_safetensors(tensors, notes):
    assert b"".join(tensor_pieces(tensors, notes)) == save(tensors, notes)


def test_what_is_not_contiguous_is_written_in_its_order():
    turned = torch.arange(6.0).reshape(2, 3).T
    assert b"".join(tensor_pieces({"x": turned})) == save({"x": turned.contiguous()})
