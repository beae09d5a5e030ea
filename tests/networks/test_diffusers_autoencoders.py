"""Encoders and decoders of the library diffusers, against that library itself."""

import subprocess
import sys

import pytest
import torch
from networks.diffusers_folders import MODELS, small_kl, small_tiny, write

from vaekit.errors import CompositionError, FormatError, MissingExtraError, SpecError
from vaekit.fitting import read_first_stage
from vaekit.networks import (
    AutoencoderKLDecoder,
    AutoencoderKLEncoder,
    AutoencoderTinyDecoder,
    AutoencoderTinyEncoder,
    diffusers_autoencoders,
    make_networks,
)
from vaekit.networks.diffusers_autoencoders import TINY_LOG_VARIANCE

SHAPE = (3, 16, 24)


def numbers(theirs, x):
    """Means and log variances as diffusers has them, flat."""
    coded = theirs.encode(2 * x - 1)
    if hasattr(coded, "latents"):
        means = coded.latents.flatten(1)
        return means, torch.full_like(means, TINY_LOG_VARIANCE)
    return coded.latent_dist.mean.flatten(1), coded.latent_dist.logvar.flatten(1)


@pytest.fixture(params=MODELS)
def theirs(request):
    return MODELS[request.param]()


@torch.no_grad()
def test_a_folder_gives_the_encoding_and_decoding_of_diffusers(theirs, tmp_path):
    stage = read_first_stage(write(theirs, tmp_path), SHAPE)
    x = torch.rand(3, *SHAPE)
    means, log_variances = stage.encoder(x).chunk(2, 1)
    expected = numbers(theirs, x)
    torch.testing.assert_close(means, expected[0], atol=1e-5, rtol=0)
    torch.testing.assert_close(log_variances, expected[1], atol=1e-5, rtol=0)
    images = (theirs.decode(means.unflatten(1, stage.encoder.grid)).sample + 1) / 2
    torch.testing.assert_close(stage.decoder(means).squeeze(1), images, atol=1e-5, rtol=0)


def test_names_of_weights_are_those_of_diffusers(theirs, tmp_path):
    stage = read_first_stage(write(theirs, tmp_path), SHAPE)
    own = {**stage.encoder.state_dict(), **stage.decoder.state_dict()}
    assert own.keys() == theirs.state_dict().keys()
    assert all(torch.equal(own[name], value) for name, value in theirs.state_dict().items())
    assert not any(p.requires_grad for p in [*stage.encoder.parameters()])
    assert not any(p.requires_grad for p in [*stage.decoder.parameters()])


def test_half_precision_is_read_in_single(tmp_path):
    write(small_kl().half(), tmp_path)
    stage = read_first_stage(tmp_path, SHAPE)
    assert {t.dtype for t in stage.encoder.state_dict().values()} == {torch.float32}


def test_former_names_of_the_attention_are_read(tmp_path):
    from safetensors.torch import load_file, save_file

    weights = write(small_kl(), tmp_path) / "diffusion_pytorch_model.safetensors"
    now = load_file(weights)
    former = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    renamed = {}
    for name, tensor in now.items():
        for new, old in former.items():
            name = name.replace(f".{new}.", f".{old}.")
        renamed[name] = tensor
    assert renamed.keys() != now.keys()
    save_file(renamed, weights)
    stage = read_first_stage(tmp_path, SHAPE)
    own = {**stage.encoder.state_dict(), **stage.decoder.state_dict()}
    assert all(torch.equal(own[name], value) for name, value in now.items())


def test_a_folder_of_links_is_read_as_the_cache_of_hugging_face_has_them(tmp_path):
    write(small_tiny(), tmp_path / "blobs")
    (tmp_path / "snapshot").mkdir()
    for file in (tmp_path / "blobs").iterdir():
        (tmp_path / "snapshot" / file.name).symlink_to(file)
    assert read_first_stage(tmp_path / "snapshot", SHAPE).encoder.grid == (4, 8, 12)


def test_the_folder_of_a_pipeline_is_read(tmp_path):
    write(small_kl(), tmp_path / "vae")
    (tmp_path / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}')
    assert read_first_stage(tmp_path, SHAPE).encoder.grid == (4, 8, 12)


def test_many_items_are_taken_in_parts(monkeypatch):
    encoder = AutoencoderKLEncoder((3, 8, 8), (8, 16), 1, 4, 4)
    decoder = AutoencoderKLDecoder(encoder.grid, (1, 3, 8, 8), (8, 16), 1, 4)
    x, calls = torch.rand(7, 3, 8, 8), []
    whole = encoder(x)
    images = decoder(whole.chunk(2, 1)[0])
    monkeypatch.setattr(diffusers_autoencoders, "_VALUES_AT_ONCE", 2 * 8 * 64)
    encoder.encoder.register_forward_hook(lambda module, given, out: calls.append(len(out)))
    with torch.no_grad():
        torch.testing.assert_close(encoder(x), whole)
        torch.testing.assert_close(decoder(whole.chunk(2, 1)[0]), images)
    assert calls == [2, 2, 2, 1]


@pytest.mark.parametrize("size", ["small", "medium", "large"])
def test_the_named_network_has_the_grid_of_spatial_ones_and_every_size(size):
    encoder, decoder, features = make_networks("autoencoder_kl", size, (3, 16, 24), 96, 1)
    assert encoder.grid == (4, 4, 6)
    assert features == 192
    assert encoder(torch.rand(2, 3, 16, 24)).shape == (2, 192)
    assert decoder(torch.rand(2, 96)).shape == (2, 1, 3, 16, 24)


def test_a_larger_size_has_more_parameters():
    networks = [make_networks("autoencoder_kl", s, (1, 8, 8), 16, 1) for s in ("small", "medium")]
    small, medium = (sum(p.numel() for p in n[0].parameters()) for n in networks)
    assert small < medium


@pytest.mark.parametrize(
    ("make", "rule"),
    [
        (lambda: make_networks("autoencoder_kl", "small", (1, 7, 9), 20, 1), "multiples of 2"),
        (lambda: make_networks("autoencoder_kl", "small", (1, 8, 8), 18, 1, 2), "no context"),
        (lambda: AutoencoderKLEncoder((3, 8, 8), (6, 8), 1, 4, 4), "norm_num_groups=4"),
        (lambda: AutoencoderKLEncoder((3, 8, 8), (), 1, 4, 4), "1 to 13 stages"),
        (lambda: AutoencoderKLEncoder((8, 8), (8,), 1, 4, 4), r"\(channels, height, width\)"),
        (lambda: AutoencoderKLDecoder((4, 4, 4), (1, 3, 9, 8), (8, 8), 1, 4), "from its grid"),
        (lambda: AutoencoderTinyEncoder((3, 8, 8), (8, 4), (1, 1)), "same number of channels"),
        (lambda: AutoencoderTinyEncoder((3, 8, 8), (8, 8), (1,)), "same number of channels"),
        (lambda: AutoencoderTinyEncoder((3, 8, 8), (8,), (1,), act_fn="reul"), "'relu'"),
        (
            lambda: AutoencoderTinyDecoder((4, 8, 8), (1, 3, 8, 8), (8,), (1,), "relu", "nearst"),
            "'nearest'",
        ),
    ],
)
def test_parts_that_do_not_fit_are_refused(make, rule):
    with pytest.raises((CompositionError, SpecError), match=rule):
        make()


def test_the_library_is_imported_only_where_it_is_used():
    code = (
        "import sys, vaekit.networks as n, vaekit.presets, vaekit.fitting, vaekit.exports;"
        "n.AutoencoderKLEncoder, vaekit.fitting.read_first_stage, vaekit.exports.export_model;"
        "assert 'diffusers' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_diffusers_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "diffusers.models.autoencoders", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'vaekit\[diffusers\]'"):
        AutoencoderKLEncoder((3, 8, 8), (8,), 1, 4, 4)


def rewritten(folder, **changes):
    """A folder of a small model whose config.json has other values."""
    import json

    file = write(small_kl(), folder) / "config.json"
    config = {**json.loads(file.read_text()), **changes}
    file.write_text(json.dumps({key: value for key, value in config.items() if value != "gone"}))
    return folder


@pytest.mark.parametrize(
    ("changes", "kind", "rule"),
    [
        ({"_class_name": "VQModel"}, SpecError, "AutoencoderKL or AutoencoderTiny.*'VQModel'"),
        ({"_class_name": "AutoencoderKLWan"}, SpecError, "describes 'AutoencoderKLWan'"),
        ({"_class_name": "gone"}, SpecError, "describes None"),
        ({"attention_levels": [1]}, SpecError, "'attention_levels', which may change"),
        ({"act_fn": "gelu"}, SpecError, "act_fn of an AutoencoderKL must be 'silu'"),
        ({"down_block_types": ["AttnDownEncoderBlock2D"] * 2}, SpecError, "down_block_types"),
        ({"down_block_types": "gone"}, SpecError, "down_block_types.*got None"),
        ({"up_block_types": ["UpDecoderBlock2D"]}, SpecError, "up_block_types"),
        ({"out_channels": 1}, SpecError, "out_channels of an AutoencoderKL must be 3 .*got 1"),
        ({"in_channels": 4, "out_channels": 4}, CompositionError, r"\(3, 16, 24\).*4 channels"),
        ({"in_channels": "3", "out_channels": "3"}, CompositionError, "takes '3' channels"),
        ({"block_out_channels": 8}, SpecError, "down_block_types"),
        ({"block_out_channels": [8, 8]}, FormatError, "must fit config.json.*differ"),
        ({"block_out_channels": [8, 10**9]}, FormatError, "must be from 0 to"),
        ({"block_out_channels": [8, 65536]}, FormatError, "must fit the stored weights"),
        ({"block_out_channels": [8, 10]}, CompositionError, "norm_num_groups=4"),
        ({"layers_per_block": 2}, FormatError, "must fit config.json"),
        ({"layers_per_block": 300}, FormatError, "must be from 0 to 256"),
        ({"layers_per_block": "2"}, FormatError, "layers_per_block must be a whole number"),
        ({"norm_num_groups": 0}, CompositionError, "norm_num_groups=0"),
        ({"latent_channels": 3}, FormatError, "must fit config.json"),
        ({"use_quant_conv": False}, FormatError, "'quant_conv.bias' must have shape None"),
        ({"mid_block_add_attention": None}, FormatError, "must be true or false"),
    ],
)
def test_a_config_of_something_else_is_refused(tmp_path, changes, kind, rule):
    with pytest.raises(kind, match=rule):
        read_first_stage(rewritten(tmp_path, **changes), SHAPE)


def test_an_untruthful_tiny_config_is_refused(tmp_path):
    write(small_tiny(), tmp_path)
    file = tmp_path / "config.json"
    file.write_text(
        file.read_text().replace('upsampling_scaling_factor": 2', 'upsampling_scaling_factor": 4')
    )
    with pytest.raises(SpecError, match="upsampling_scaling_factor of an AutoencoderTiny must be"):
        read_first_stage(tmp_path, SHAPE)


def test_files_that_are_missing_or_damaged_are_refused(tmp_path):
    with pytest.raises(SpecError, match="there is no folder.*nothing is downloaded"):
        read_first_stage(tmp_path / "nowhere", SHAPE)
    with pytest.raises(FormatError, match="has no config.json"):
        read_first_stage(tmp_path, SHAPE)
    folder = write(small_kl(), tmp_path / "a")
    weights = folder / "diffusion_pytorch_model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:1000])
    with pytest.raises(FormatError, match="must be a safetensors file"):
        read_first_stage(folder, SHAPE)
    weights.unlink()
    with pytest.raises(FormatError, match="its weights in diffusion_pytorch_model.safetensors"):
        read_first_stage(folder, SHAPE)
    weights.write_bytes(whole)
    for text, rule in (("{", "must be a JSON file"), ("[]", "must be an object")):
        (folder / "config.json").write_text(text)
        with pytest.raises(FormatError, match=rule):
            read_first_stage(folder, SHAPE)


def test_pickled_weights_are_not_read(tmp_path):
    folder = tmp_path / "pickled"
    small_kl().save_pretrained(folder, safe_serialization=False)
    with pytest.raises(FormatError, match=r"diffusion_pytorch_model.bin, which is pickled"):
        read_first_stage(folder, SHAPE)


@pytest.mark.parametrize(
    ("shape", "rule"),
    [
        ((1, 16, 24), r"takes 3 channels. Convert the images"),
        ((3, 15, 24), "must be multiples of 2 .*15 x 24.*--size"),
        ((7,), r"\(channels, height, width\)"),
    ],
)
def test_images_that_do_not_fit_are_refused(tmp_path, shape, rule):
    with pytest.raises(CompositionError, match=rule):
        read_first_stage(write(small_kl(), tmp_path), shape)
