"""The page as one file: what it holds, and whether its networks are those of the model."""

import base64
import gzip
import json
import re
import sys

import jaxtyping
import numpy as np
import onnxruntime
import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from vaekit import Autoencoder
from vaekit.cli.app import app
from vaekit.datasets import digits
from vaekit.errors import CompositionError, MissingExtraError, SaveError, SpecError
from vaekit.explorer import open_session
from vaekit.explorer.commands import explore
from vaekit.explorer.pages import MOST_BYTES, page_model, static_page

DATA = digits()
IMAGES, LABELS = DATA.images[:300], DATA.labels[:300]
RNG = np.random.default_rng(0)
TABLE = pd.DataFrame({"size": RNG.normal(size=200), "kind": RNG.choice(["a", "b", "c"], 200)})
SERIES = np.sin(np.arange(20) * RNG.uniform(0.2, 0.6, (120, 1)))
KINDS = {
    "images": (Autoencoder("vae", 3), IMAGES, None),
    "conditional": (Autoencoder("cvae", 3), IMAGES, LABELS),
    "convolutional": (Autoencoder("vae", 3, network="conv"), IMAGES, None),
    "table": (Autoencoder("vae", 2), TABLE, None),
    "numbers": (Autoencoder("vae", 2), RNG.normal(size=(200, 5)), None),
    "series": (Autoencoder("vae", 2, domain="series"), SERIES, None),
}


@pytest.fixture(autouse=True)
def _shapes_unchecked():
    """Checks of shapes compare sizes, which an export takes for a promise that they stay."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture(scope="module")
def fitted():
    """Return models by kind, each fitted once."""
    made = {}

    def get(kind):
        if kind not in made:
            template, X, context = KINDS[kind]
            template.set_params(steps=40, progress=False)
            made[kind] = template.fit(X, context=context), X, context
        return made[kind]

    return get


def run(content, **given):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(content, options)
    return session.run(None, {name: value.numpy() for name, value in given.items()})[0]


def part(page, name):
    text = re.search(rf'id="{name}">(.*?)</script>', page.decode(), flags=re.DOTALL).group(1)
    return gzip.decompress(base64.b64decode(text))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [1, 7])
def test_the_networks_of_the_page_are_those_of_the_model(fitted, kind, count):
    model, X, context = fitted(kind)
    vae, domain = model.trained_.vae, model.domain_
    made = page_model(model.trained_)
    told = {}
    if context is not None:
        told = {"context": model.context_.prepare(context[:count], count)}
    row = told.get("context")
    z = torch.from_numpy(RNG.normal(size=(count, vae.latent_dim)).astype(np.float32))
    x = domain.encode(domain.prepare(X[:count]))
    with torch.no_grad():
        assert np.abs(run(made.decoder, z=z, **told) - vae.show(z, row).numpy()).max() < 1e-4
        assert np.abs(run(made.encoder, x=x, **told) - vae.encode(x, row).numpy()).max() < 1e-4


def test_the_page_holds_everything_and_asks_no_one(fitted):
    model, X, _ = fitted("images")
    page = static_page(open_session(model, X, labels=LABELS))
    text = page.decode()
    assert not re.findall(r'(?:src|href)="(?!data:)', text)
    assert text.count("<script") == text.count("</script>")
    content = json.loads(part(page, "vaekit-content"))
    assert len(content["views"]) == content["info"]["count"] == 300
    assert part(page, "vaekit-decoder") == page_model(model.trained_).decoder
    assert part(page, "vaekit-runtime")[:4] == b"\0asm"
    assert len(page) < 7_000_000


def test_many_items_are_cut_to_what_a_page_should_carry(fitted, monkeypatch):
    model, X, _ = fitted("images")
    monkeypatch.setattr("vaekit.explorer.pages.MOST_BYTES", 6000)
    content = json.loads(part(static_page(open_session(model, X)), "vaekit-content"))
    assert 50 <= len(content["views"]) < 300
    assert content["info"]["count"] == len(content["views"])
    assert MOST_BYTES > 6000


def test_columns_of_a_table_are_tabulated_as_they_are_decoded(fitted):
    model, X, _ = fitted("table")
    form = model.domain_.page_decoder()
    size, kind = form["columns"]
    assert kind["values"] == ["a", "b", "c"]
    rows = model.domain_.prepare(X)
    grid = size["grid"]
    assert not grid["steps"]
    shown = np.interp(rows[:, size["number"]].numpy(), grid["at"], grid["values"])
    assert np.abs(shown - X["size"]).max() < 0.05 * X["size"].std()


def test_models_that_no_page_can_run_say_so(fitted):
    codes = Autoencoder("vq_vae", 8, steps=5, progress=False).fit(IMAGES)
    with pytest.raises(CompositionError, match="real vectors"):
        static_page(open_session(codes, IMAGES))
    words = Autoencoder("sequence_vae", 4, domain="sequences", steps=5, progress=False)
    with pytest.raises(CompositionError, match="only Python"):
        static_page(open_session(words.fit(["ACD", "ADD", "CCD"] * 20)))


def test_a_missing_exporter_names_the_extra(fitted, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(MissingExtraError, match=r"vaekit\[onnx\]"):
        page_model(fitted("images")[0].trained_)


def test_the_command_writes_a_page(fitted, tmp_path):
    fitted("images")[0].save(tmp_path / "run")
    out = tmp_path / "page.html"
    explore(tmp_path / "run", "digits", out, labels="digits", points=100)
    content = json.loads(part(out.read_bytes(), "vaekit-content"))
    assert content["info"]["count"] == 100
    assert content["info"]["columns"] == ["label"]
    with pytest.raises(SaveError, match="--force"):
        explore(tmp_path / "run", "digits", out)


@pytest.mark.parametrize(
    "options", [{"out": "page.pdf"}, {"out": "page.html", "beside": "run"}, {"labels": "digits"}]
)
def test_options_that_do_not_go_together_are_refused(fitted, tmp_path, options):
    fitted("images")[0].save(tmp_path / "run")
    paths = {k: v if k == "labels" else tmp_path / v for k, v in options.items()}
    with pytest.raises(SpecError):
        explore(tmp_path / "run", None, **paths)


def test_the_command_is_in_the_help():
    result = CliRunner().invoke(app, ["--help"])
    assert "explore" in result.output
