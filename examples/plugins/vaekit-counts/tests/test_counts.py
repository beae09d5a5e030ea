"""The package as its users meet it: nothing of vaekit is edited for it."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy import sparse
from vaekit_counts import CountDomain, NegativeBinomial, ZeroInflatedNegativeBinomial

from vaekit import Autoencoder, load, registry, tasks
from vaekit.errors import CompositionError, DataError
from vaekit.testing import check


@pytest.fixture(scope="module")
def counts():
    """Two kinds of cells with other genes at work, of very different library sizes."""
    rng = np.random.default_rng(0)
    kinds = rng.integers(2, size=400)
    rates = np.exp(rng.normal(size=(2, 30)))
    rates /= rates.sum(1, keepdims=True)
    totals = np.exp(rng.normal(5.5, 0.6, size=400))
    return rng.poisson(totals[:, None] * rates[kinds]), kinds


@pytest.fixture(scope="module")
def fitted(counts):
    return Autoencoder(domain="counts", latent_dim=3, max_epochs=40, progress=False).fit(counts[0])


@pytest.mark.parametrize("make", [NegativeBinomial, ZeroInflatedNegativeBinomial])
@pytest.mark.parametrize("shape", [(), (1, 8, 8)])
def test_likelihoods_keep_the_promises(make, shape):
    check(make(shape))


def test_probabilities_sum_to_one_given_the_total():
    px = ZeroInflatedNegativeBinomial()(torch.randn(1, 1, 2, 3))
    x = torch.arange(4000.0).view(-1, 1).expand(-1, 3).unsqueeze(1)
    total = torch.stack([px.log_prob(row, torch.tensor(50.0)).exp()[0, 0] for row in x]).sum(0)
    torch.testing.assert_close(total, torch.ones(3), rtol=1e-3, atol=1e-3)


def test_a_model_learns_what_tells_cells_apart_and_not_how_deep_they_were_read(fitted, counts):
    x, kinds = counts
    z = fitted.transform(x)
    between = z[kinds == 0].mean(0) - z[kinds == 1].mean(0)
    assert np.linalg.norm(between) > 2 * z[kinds == 0].std(0).mean()
    assert type(fitted.domain_).__name__ == "CountDomain"
    assert str(fitted.notes_["preset"]) == "count_vae"


def test_samples_are_counts_with_the_totals_of_training(fitted, counts):
    made = fitted.sample(500, seed=0)
    assert made.dtype == counts[0].dtype
    assert (made >= 0).all()
    ratio = np.median(made.sum(1)) / np.median(counts[0].sum(1))
    assert 0.8 < ratio < 1.25


def test_it_is_stored_by_name_and_loads_elsewhere(fitted, counts, tmp_path):
    fitted.save(tmp_path / "run")
    text = (tmp_path / "run" / "model.json").read_text()
    assert '"likelihoods.NegativeBinomial"' in text
    assert "external" not in text
    again = load(tmp_path / "run")
    assert np.array_equal(again.sample(5, seed=1), fitted.sample(5, seed=1))
    scores = [m.score_samples(counts[0][:20]) for m in (fitted, again)]
    assert np.isfinite(scores[0]).all()


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix])
def test_arrays_and_sparse_matrices_are_read(form, counts):
    domain = CountDomain().fit(form(counts[0]))
    assert torch.equal(domain.prepare(form(counts[0])), torch.from_numpy(counts[0]).float())


def test_annotated_data_are_recognized(counts):
    anndata = pytest.importorskip("anndata")
    data = anndata.AnnData(sparse.csr_matrix(counts[0].astype(np.float32)))
    from vaekit.domains import infer_domain

    assert isinstance(infer_domain(data), CountDomain)
    assert len(CountDomain().fit(data).feature_names) == 30


def test_what_are_no_counts_is_refused(counts):
    with pytest.raises(DataError, match="whole numbers from 0"):
        CountDomain().fit(np.log1p(counts[0]))
    with pytest.raises(CompositionError, match="whole numbers from 0, without an upper end"):
        Autoencoder(likelihood="negative_binomial", progress=False).fit(counts[0] / 7)


def test_the_metric_is_found_and_measured(fitted, counts):
    assert "zero_fraction" in registry.names("metrics")
    result = tasks.evaluate(fitted.trained_, counts[0], metrics=["zero_fraction"])
    assert result.value("share of zeros, samples") is not None


def test_the_command_line_knows_it_all(counts, tmp_path):
    np.save(tmp_path / "x.npy", counts[0])

    def vaekit(*arguments):
        done = subprocess.run(
            [sys.executable, "-m", "vaekit", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "count_vae" in vaekit("models")
    assert "Lopez" in vaekit("models", "count_vae")
    vaekit("fit", "x.npy", "run", "--domain", "counts", "--max-epochs", "2")
    vaekit("sample", "run", "-n", "7", "--out", "s.npy")
    vaekit("score", "run", "x.npy", "--draws", "4", "--out", "scores.csv")
    assert np.load(tmp_path / "s.npy").shape == (7, 30)
