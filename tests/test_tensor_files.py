"""Files of tensors are those of safetensors, to the byte."""

import pytest
import torch
from safetensors.torch import save

from vaekit.tensor_files import _DTYPES, put_weights, tensor_pieces

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


def test_weights_are_put_as_pytorch_puts_them():
    torch.manual_seed(0)
    make = lambda: torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))  # noqa: E731
    source, model = make(), make()
    source(torch.randn(5, 2))
    put_weights(model, source.state_dict())
    for name, value in source.state_dict().items():
        assert torch.equal(model.state_dict()[name], value)


def test_weights_of_two_names_are_put_as_well():
    model = torch.nn.ModuleList([torch.nn.Linear(2, 2)] * 2)
    state = {name: torch.ones_like(value) for name, value in model.state_dict().items()}
    put_weights(model, state)
    assert model[1].weight.eq(1).all()


@pytest.mark.parametrize("change", [{"weight": torch.zeros(1, 2)}, {"more": torch.zeros(1)}])
def test_weights_that_do_not_fit_are_refused(change):
    model = torch.nn.Linear(2, 3)
    with pytest.raises(RuntimeError, match="loading state_dict"):
        put_weights(model, model.state_dict() | change)
