"""Model cards: what a run says of itself, and what it does not."""

import numpy as np
import pandas as pd
import pytest
import yaml

from vaekit import Autoencoder, evaluation
from vaekit.datasets import digits
from vaekit.errors import NotFittedError, SpecError
from vaekit.hub import CardOptions, model_card


@pytest.fixture(scope="module")
def model():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "key": [f"customer-{i:04d}" for i in range(120)],
            "income": rng.normal(4711, 10, 120).round(1),
            "a|b` <b>": rng.choice(["Zanzibar", "Timbuktu"], 120),
            "firm": "Acme",
        }
    )
    return Autoencoder(latent_dim=2, max_epochs=2, progress=False).fit(table)


def front_matter(card):
    assert card.startswith("---\n")
    return yaml.safe_load(card.split("---\n")[1])


def test_front_matter(model):
    assert front_matter(model.card(repo="mary/customers", licence="cc-by-4.0")) == {
        "license": "cc-by-4.0",
        "library_name": "vaekit",
        "tags": ["vaekit", "variational-autoencoder", "table_vae", "table"],
    }
    assert "license" not in front_matter(model.card())


def test_images_say_what_samples_are_for():
    images = digits().images[:200]
    model = Autoencoder(latent_dim=2, max_epochs=1, progress=False).fit(images)
    assert front_matter(model.card())["pipeline_tag"] == "unconditional-image-generation"
    labelled = Autoencoder("cvae", latent_dim=2, max_epochs=1, progress=False)
    labelled.fit(images, context=digits().labels[:200])
    assert "pipeline_tag" not in front_matter(labelled.card())


def test_the_schema_has_no_data(model):
    card = model.card(repo="mary/customers")
    assert "| income | number |" in card
    assert "| firm | constant |" in card
    assert r"| a\|b\` \<b\> | category |" in card
    for datum in ("Zanzibar", "Timbuktu", "Acme", "customer-", "4711", "0120"):
        assert datum not in card
    assert "domain.json holds" in card


def test_labels_when_asked(model):
    card = model.card(with_labels=True)
    assert "| column | kind | holds |" in card
    assert "Zanzibar" in card
    assert "Acme" in card


def test_use(model):
    card = model.card(repo="mary/customers")
    assert 'load("hf://mary/customers")' in card
    assert "hf://mary/customers@COMMIT" in card
    assert "vaekit sample hf://mary/customers -n 10" in card


def test_figures(model, tmp_path):
    model.save(tmp_path / "run")
    best = min(row["loss"] for row in model.history_ if "loss" in row)
    card = model_card(tmp_path / "run")
    assert f"{best:.4g} nats per item" in card
    assert "latents are active" in card
    assert f"| seed | {model.seed} |" in card
    assert "torch " in card
    assert "measured after training" not in card
    found = evaluation.evaluate(model.trained_, model.sample(60, seed=1))
    evaluation.write_evaluation(tmp_path / "run" / "evaluation", found, {})
    card = model_card(tmp_path / "run")
    assert "On 60 items that were measured after training" in card
    row = next(row for row in found.measured if row.value is not None)
    assert f"{row.value:.4g}" in card
    elsewhere = CardOptions(evaluation=tmp_path / "run" / "evaluation")
    assert "measured after training" in model_card(model, elsewhere)
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(SpecError, match="what vaekit evaluate wrote"):
        model_card(model, CardOptions(evaluation=tmp_path / "other.json"))


def test_the_model_of_the_package():
    card = model_card("moses")
    assert '- "sequence_vae"' in card
    assert '- "molecules"' in card


@pytest.mark.parametrize("licence", ["MIT", "mit\ntags: [x]", "", "a b"])
def test_licences(model, licence):
    with pytest.raises(SpecError, match="a licence must be named as on the hub"):
        model.card(licence=licence)


def test_unfitted():
    with pytest.raises(NotFittedError):
        Autoencoder().card()
