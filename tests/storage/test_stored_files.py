"""What is refused of stored files, and how the message says it."""

import io
import json
import os
import socket
import struct
import zipfile

import numpy as np
import pytest
import torch
from json_files import edit
from safetensors.torch import load_file, save, save_file

from vaekit import Autoencoder, load
from vaekit.anomalies import VAEDetector
from vaekit.domains import read_source
from vaekit.errors import DataError, FormatError, VaekitError
from vaekit.files import parse_json, read_json
from vaekit.networks import MLPDecoder, MLPEncoder
from vaekit.schema import check_document, shown
from vaekit.tensor_files import read_header
from vaekit.training.state import CHECKPOINT_NAME, read_checkpoint

FILES = ("model.json", "model.safetensors", "domain.json", "train.json")


@pytest.mark.parametrize("name", FILES)
def test_a_pipe_is_refused_and_not_waited_for(run, name):
    (run / name).unlink()
    os.mkfifo(run / name)
    with pytest.raises(FormatError, match=f"{name} must be a regular file; got a pipe"):
        load(run)


@pytest.mark.parametrize("name", FILES)
def test_a_folder_a_socket_and_a_loop_are_refused(run, name):
    (run / name).unlink()
    (run / name).mkdir()
    with pytest.raises(FormatError, match="regular file; got a folder"):
        load(run)
    (run / name).rmdir()
    (run / name).symlink_to(name)
    with pytest.raises(FormatError, match=name):
        load(run)


def test_a_socket_is_refused(run, monkeypatch):
    monkeypatch.chdir(run)
    (run / "train.json").unlink()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("train.json")
        with pytest.raises(FormatError, match="regular file; got a socket"):
            load(run)


@pytest.mark.parametrize("target", ["/dev/zero", "/dev/stdin", "/etc/hostname"])
def test_a_link_to_something_outside_is_refused(run, target):
    (run / "domain.json").unlink()
    (run / "domain.json").symlink_to(target)
    with pytest.raises(FormatError, match="must lie in the run folder"):
        load(run)


def test_a_link_within_the_folder_is_followed(run):
    (run / "domain.json").rename(run / "the-domain.json")
    (run / "domain.json").symlink_to("the-domain.json")
    assert load(run).latent_dim == 2


def test_a_file_of_gigabytes_is_refused_unread(run):
    for name in ("train.json", "model.safetensors"):
        with (run / name).open("ab") as file:
            file.truncate(50 * 2**30)
    with pytest.raises(FormatError, match=r"model\.safetensors must be a safetensors file"):
        load(run)


@pytest.mark.parametrize("depth", [65, 900, 100_000])
def test_deep_json_is_refused_and_brackets_in_texts_are_not(depth):
    with pytest.raises(FormatError, match=f"at most 64 deep; got {depth}"):
        parse_json(b'{"a": ' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}", "x.json")
    text = json.dumps(["[{" * depth, '"[\\"'])
    assert parse_json(text.encode(), "x.json") == json.loads(text)


@pytest.mark.parametrize("text", [b"[NaN]", b"[Infinity]", b"[-Infinity]"])
def test_numbers_that_are_none_are_refused(tmp_path, text):
    (tmp_path / "x.json").write_bytes(text)
    with pytest.raises(FormatError, match="is no number of JSON"):
        read_json(tmp_path / "x.json")


def test_many_containers_are_refused_before_they_are_made():
    with pytest.raises(FormatError, match="lists and objects"):
        parse_json(b"[" + b"[]," * 2_000_000 + b"[]]", "x.json")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("hidden", ["x"], r"model\.json: model\.args\.encoder.*hidden\[0\] must be a whole number"),
        ("hidden", None, r"hidden must be a list; got None"),
        ("hidden", [True], r"hidden\[0\] must be a whole number; got True"),
        ("hidden", [10**9], r"hidden must be from 0 to 65536; got 1000000000"),
        ("hidden", [-1], r"hidden must be from 0 to"),
        ("wide", 1, r"unknown argument 'wide'"),
    ],
)
def test_a_message_names_file_field_rule_and_value(run, field, value, message):
    def change(document):
        encoder = document["model"]["args"]["encoder"]
        while "hidden" not in encoder["args"]:
            encoder = encoder["args"]["links"][-1]
        encoder["args"][field] = value

    edit(run / "model.json", change)
    with pytest.raises(FormatError, match=message):
        load(run)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("mean", [0.0] * 4, "model"),
        ("mean", ["x"] * 5, r"domain\.json: domain\.args\.mean\[0\] must be a number; got 'x'"),
        ("mean", None, r"args\.mean must be given; got None"),
        ("scale", [0.0] * 5, r"args\.scale must be other than 0"),
        ("scale", [1.0] * 4, r"args\.scale must have 5 items; got 4\."),
        ("dtype", "object", r"args\.dtype must be one of 'float32', 'float64'; got 'object'"),
        ("kind", 3, r"args\.kind must be text; got 3"),
        ("columns", ["a"] * 5, r"args\.columns must hold names that differ"),
    ],
)
def test_the_fields_of_a_domain_fit_each_other_and_the_model(run, field, value, message):
    edit(run / "domain.json", lambda d: d["domain"]["args"].update({field: value}))
    with pytest.raises(FormatError, match=message):
        load(run)


@pytest.mark.parametrize("name", ["networks.MLPEncoder", "priors.FittedFlow"])
def test_a_domain_names_no_parts_with_weights(run, name):
    edit(run / "domain.json", lambda d: d["domain"]["args"].update(mean={"type": name, "args": {}}))
    with pytest.raises(VaekitError, match=r"domain\.args\.mean\.type: unknown component"):
        load(run)


@pytest.mark.parametrize(
    "option",
    [
        {"type": "networks.MLPEncoder", "args": {"shape": [10**5], "hidden": [10**5]}},
        {"type": "networks.MLPEncoder", "args": {"shape": [60_000], "hidden": [60_000]}},
        {"type": "priors.FittedFlow", "args": {"latent_dim": 2, "transforms": 60_000}},
    ],
)
def test_an_option_asks_for_no_more_than_options_may(run, option):
    edit(run / "train.json", lambda d: d["estimator"].update(encoder=option))
    with pytest.raises(FormatError, match=r"train\.json: estimator\.encoder"):
        load(run)


@pytest.mark.parametrize(("option", "value"), [("latent_dim", "two"), ("seed", 1.5), ("ema", "x")])
def test_an_option_of_the_wrong_type_is_named(run, option, value):
    edit(run / "train.json", lambda d: d["estimator"].update({option: value}))
    with pytest.raises(FormatError, match=rf"train\.json: estimator\.{option} must be"):
        load(run)


@pytest.mark.parametrize(
    "change",
    [
        lambda h, n: h[n].update(dtype="F8_E4M3", shape=[4 * h[n]["shape"][0]]),
        lambda h, n: h[n].update(dtype="I32"),
        lambda h, n: h[n].update(dtype="C64"),
        lambda h, n: h[n].update(dtype=7),
        lambda h, n: h[n].update(shape=[10**9]),
        lambda h, n: h[n].update(shape=[True]),
        lambda h, n: h[n].update(shape=[1] * 100),
        lambda h, n: h[n].update(data_offsets=[0, 10**12]),
        lambda h, n: h[n].pop("shape"),
        lambda h, n: h.update({n: 3}),
        lambda h, n: h.pop(n),
        lambda h, n: h.update(__metadata__={"a": 1}),
    ],
)
def test_headers_that_are_not_of_vaekit_are_refused(run, change):
    path = run / "model.safetensors"
    content = path.read_bytes()
    length = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + length])
    change(header, next(name for name in header if len(header[name]["shape"]) == 1))
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])
    with pytest.raises(FormatError, match=r"model\.safetensors|model\.json"):
        load(run)


def test_two_tensors_of_one_name_are_refused(tmp_path):
    entry = b'{"dtype":"F32","shape":[1],"data_offsets":[%d,%d]}'
    text = b'{"a":' + entry % (0, 4) + b',"a":' + entry % (4, 8) + b"}"
    (tmp_path / "x.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + b"\0" * 8)
    with pytest.raises(FormatError, match="two of its tensors have one name"):
        read_header(tmp_path / "x.safetensors")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.int64])
def test_weights_of_another_kind_are_refused(run, dtype):
    weights = load_file(run / "model.safetensors")
    save_file({name: w.to(dtype) for name, w in weights.items()}, run / "model.safetensors")
    with pytest.raises(FormatError, match="must hold float32; got"):
        load(run)


@pytest.mark.parametrize("value", ["x" * 1000, 10**999, [10**999], "\ud800", {"a": "b" * 999}])
def test_values_in_errors_are_short_and_can_be_printed(value):
    assert len(shown(value).encode()) < 100


def test_a_document_that_is_no_object_is_refused():
    with pytest.raises(FormatError, match="must be an object with"):
        check_document(MLPEncoder, [1], "x.json")


def detector_of(folder):
    x = np.random.default_rng(0).normal(size=(200, 3))
    VAEDetector(max_epochs=1, progress=False).fit(x).save(folder)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("score", 3),
        ("num_codes", [10**9]),
        ("novelty", "x"),
        ("fills", 1),
        ("usual_cost", None),
        ("seen", -1),
        ("notes", []),
        ("format", 2),
    ],
)
def test_a_field_of_a_detector_is_named(tmp_path_factory, field, value):
    folder = tmp_path_factory.getbasetemp() / "detector-sound"
    if not folder.exists():
        detector_of(folder)
    original = (folder / "detector.json").read_text()
    try:
        edit(folder / "detector.json", lambda d: d.update({field: value}))
        with pytest.raises(FormatError, match=rf"detector\.json.*{field}"):
            load(folder)
    finally:
        (folder / "detector.json").write_text(original)


def training(folder):
    return Autoencoder(
        "vae",
        2,
        encoder=MLPEncoder((5,), (8,)),
        decoder=MLPDecoder(2, (8,), (1, 5)),
        likelihood="gaussian",
        max_epochs=3,
        ema=0.9,
        progress=False,
        checkpoint_dir=folder,
        resume=True,
    )


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    x = np.random.default_rng(0).normal(size=(60, 5))
    folder = tmp_path_factory.mktemp("training")
    training(folder).fit(x)
    return x, (folder / CHECKPOINT_NAME).read_bytes()


def rewritten(content, change):
    """A checkpoint with its tensors and its notes changed."""
    length = struct.unpack("<Q", content[:8])[0]
    notes = json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["vaekit"])
    from safetensors.torch import load as load_tensors

    tensors = load_tensors(content)
    change(tensors, notes)
    return save(tensors, {"vaekit": json.dumps(notes)})


def first(tensors, part):
    return next(name for name in tensors if name.startswith(part))


@pytest.mark.parametrize(
    "change",
    [
        lambda t, n: n.update(step="x"),
        lambda t, n: n.update(step=-1),
        lambda t, n: n.update(epoch=10**30),
        lambda t, n: n.update(epoch=2),
        lambda t, n: n.update(history=None),
        lambda t, n: n.update(history=[3]),
        lambda t, n: n.update(totals=[]),
        lambda t, n: n.update(identity=None),
        lambda t, n: n.update(best_loss="x"),
        lambda t, n: n.update(seconds=None),
        lambda t, n: n.update(format=9),
        lambda t, n: n.pop("position"),
        lambda t, n: t.update({"loose": torch.zeros(1)}),
        lambda t, n: t.pop("random/cpu"),
        lambda t, n: t.update({"random/cpu": torch.zeros(3)}),
        lambda t, n: t.pop(first(t, "model/")),
        lambda t, n: t.pop(first(t, "best/")),
        lambda t, n: t.pop(first(t, "averaged/")),
        lambda t, n: t.update({first(t, "best/"): torch.zeros(1000)}),
        lambda t, n: t[first(t, "model/")].fill_(torch.nan),
        lambda t, n: t.update({first(t, "optimiser:model/"): torch.zeros(1000)}),
        lambda t, n: t.update({"optimiser:model/99999.step": torch.zeros(())}),
        lambda t, n: t.update({"optimiser:model/x.step": torch.zeros(())}),
        lambda t, n: t.update({"optimiser:model/0.other": torch.zeros(())}),
        lambda t, n: t.pop(first(t, "optimiser:model/")),
    ],
)
def test_a_damaged_checkpoint_is_a_format_error(checkpoint, tmp_path, change):
    x, content = checkpoint
    (tmp_path / CHECKPOINT_NAME).write_bytes(rewritten(content, change))
    with pytest.raises(FormatError):
        training(tmp_path).fit(x)


def test_a_sound_checkpoint_goes_on(checkpoint, tmp_path):
    x, content = checkpoint
    (tmp_path / CHECKPOINT_NAME).write_bytes(rewritten(content, lambda t, n: None))
    assert len(training(tmp_path).fit(x).history_) == 3
    assert read_checkpoint(tmp_path) is not None


AS_FILES = ["x.csv", "x.npy", "x.npz", "x.parquet", "x.csv.gz"]


@pytest.mark.parametrize("name", AS_FILES)
def test_a_folder_that_is_named_as_a_file_is_refused(tmp_path, name):
    (tmp_path / name).mkdir()
    with pytest.raises(DataError, match=f"must be a regular file, .* got .*{name}"):
        read_source(tmp_path / name)


@pytest.mark.parametrize("name", AS_FILES)
def test_a_pipe_that_is_named_as_a_file_is_refused(tmp_path, name):
    os.mkfifo(tmp_path / name)
    with pytest.raises(DataError, match=f"must lead to a file or a folder; .*{name} is a pipe"):
        read_source(tmp_path / name)


def saved(rows, told):
    """The bytes of a .npy file whose header tells another number of rows, in as many bytes."""
    file = io.BytesIO()
    np.save(file, np.zeros((rows, 4)))
    before, after = f"({rows}, 4), }}", f"({told}, 4), }}"
    padded = before + " " * (len(after) - len(before))
    assert padded.encode() in file.getvalue()
    return file.getvalue().replace(padded.encode(), after.encode(), 1)


@pytest.mark.parametrize(
    ("told", "message"),
    [
        (31, r"readable \.npy file; .*could only read 120 elements"),
        (3 * 10**12, r"must hold 12000000000000 values by its header, .* too small for them"),
    ],
)
def test_an_array_that_says_that_it_is_larger_than_its_file_is_refused(tmp_path, told, message):
    (tmp_path / "x.npy").write_bytes(saved(30, told))
    with pytest.raises(DataError, match=message):
        read_source(tmp_path / "x.npy")


@pytest.mark.parametrize(
    ("told", "message"),
    [
        (31, r"readable \.npz file; .*expected 992 bytes got 960"),
        (3 * 10**12, r"must hold 12000000000000 values by its header, .* too small for them"),
    ],
)
def test_an_array_that_says_that_it_is_larger_than_its_archive_is_refused(tmp_path, told, message):
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("X.npy", saved(30, told))
    with pytest.raises(DataError, match=message):
        read_source(tmp_path / "x.npz")


def test_an_archive_whose_sum_differs_is_refused(tmp_path):
    np.savez(tmp_path / "x.npz", X=np.zeros((30, 4)))
    content = (tmp_path / "x.npz").read_bytes()
    (tmp_path / "x.npz").write_bytes(content.replace(b"(30, 4)", b"(31, 4)", 1))
    with pytest.raises(DataError, match=r"readable \.npz file; Bad CRC-32 for file 'X\.npy'"):
        read_source(tmp_path / "x.npz")


def test_a_number_of_more_digits_than_python_writes_can_be_shown():
    assert "digits" in shown(10**5000)
    assert "digits" in shown([10**5000])
