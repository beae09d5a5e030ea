"""Molecules and other texts that come a piece at a time are learned as those in memory are."""

import gzip

import numpy as np
import pandas as pd
import pytest

from vaekit import Autoencoder, stream
from vaekit.domains.tokenizers import BytePairs, Characters
from vaekit.errors import DataError, SpecError
from vaekit.molecules import MoleculeDomain
from vaekit.molecules.targets import join_molecules
from vaekit.sequences import SequenceDomain
from vaekit.sequences.domain import TextLearner

pytest.importorskip("rdkit")

SMILES = ["C" * n + tail for n in range(1, 7) for tail in ("O", "N", "(=O)O", "c1ccccc1", "Cl")]
RARE = "CCCCCCCC[Si](C)(C)C"
BRIEF = {"max_epochs": 1, "progress": False}


def in_pieces(domain, items, size):
    """Return what two learners make of alternate pieces, merged."""
    one, other = domain.learner(), domain.learner()
    for number, start in enumerate(range(0, len(items), size)):
        piece = (
            items.iloc[start : start + size]
            if hasattr(items, "iloc")
            else (items[start : start + size])
        )
        (one if number % 2 else other).update(piece)
    other.merge(one)
    return other.learned()


@pytest.mark.parametrize("representation", ["smiles", "bpe-smiles", "selfies", "bpe-selfies"])
def test_molecules_of_pieces_are_learned_as_all_at_once(representation):
    domain = MoleculeDomain(representation, num_merges=5, targets=("logp", "measured"))
    frame = pd.DataFrame({"smiles": SMILES, "measured": np.arange(len(SMILES)) / 3})
    frame.loc[3:7, "measured"] = np.nan
    assert sorted(in_pieces(domain, frame, 7).vocabulary.tokens) == sorted(
        domain.fit(frame).vocabulary.tokens
    )
    learner = domain.learner()
    for start in range(0, len(frame), 7):
        learner.update(frame[start : start + 7])
    assert learner.learned() == domain.fit(frame)


@pytest.mark.parametrize("representation", ["smiles", "bpe-smiles", "selfies", "bpe-selfies"])
def test_what_comes_late_is_learned_too(representation, monkeypatch):
    monkeypatch.setattr(TextLearner, "most", 10)
    domain = MoleculeDomain(representation, num_merges=5, targets=("logp",))
    items = [*SMILES, RARE]
    whole = domain.fit(items)
    learner = domain.learner()
    for start in range(0, len(items), 7):
        learner.update(items[start : start + 7])
    for found in (learner.learned(), in_pieces(domain, items, 7), in_pieces(domain, items, 14)):
        rows = found.prepare(items)
        assert found.decode(rows[:, : found.vocabulary.steps]) == whole.decode(
            whole.prepare(items)[:, : whole.vocabulary.steps]
        )
        np.testing.assert_allclose(found.scales.means, whole.scales.means, rtol=1e-12)
        np.testing.assert_allclose(found.scales.deviations, whole.scales.deviations, rtol=1e-12)
    assert learner.learned().vocabulary.steps == learner.learned().prepare(items).shape[1] - 1
    if not representation.startswith("bpe"):
        assert learner.learned().vocabulary == whole.vocabulary


@pytest.mark.parametrize("tokenizer", [Characters(), BytePairs(Characters(), 4)], ids=str)
def test_rare_tokens_of_sequences_are_learned(tokenizer, monkeypatch):
    monkeypatch.setattr(TextLearner, "most", 4)
    texts = ["ACGT", "AAC", "GATTACA", "C", "TT", "AC", "GG", "ACNNNACACACACAC"] * 3
    for found in (in_pieces(SequenceDomain(tokenizer), texts, n) for n in (2, 3, 8)):
        assert found.decode(found.prepare(texts)) == texts


def test_files_of_molecules_fit_and_sample(tmp_path):
    (tmp_path / "a.smi").write_text("\n".join(f"{smiles} name" for smiles in SMILES))
    (tmp_path / "b.smi.gz").write_bytes(gzip.compress("\n".join(SMILES).encode()))
    model = Autoencoder(domain="molecules", **BRIEF).fit(stream(tmp_path, rows=8))
    assert model.domain_.vocabulary == MoleculeDomain().fit([*SMILES, *SMILES]).vocabulary
    assert model.domain_.reference is not None
    assert len(model.sample(3, seed=0)) == 3
    assert np.isfinite(model.score(SMILES[:4]))


def test_tables_of_molecules_give_targets_and_contexts(tmp_path):
    frame = pd.DataFrame({"smiles": SMILES, "dose": np.arange(len(SMILES)) % 4, "kind": "a"})
    frame.loc[::2, "kind"] = "b"
    frame.loc[4, "smiles"] = "C1CC"  # a ring that is left open
    for part in range(2):
        frame[part::2].to_csv(tmp_path / f"{part}.csv", index=False)
    domain = MoleculeDomain(targets=("dose",), on_bad="skip")
    with pytest.warns(UserWarning, match="left out: 1 of 15"):
        model = Autoencoder(domain=domain, **BRIEF).fit(
            stream(f"{tmp_path}/*.csv", rows=15, context="kind")
        )
    assert model.context_.classes == ("a", "b")
    assert model.domain_.scales.names == ("dose",)
    assert len(model.sample(2, context="a", seed=0)) == 2
    with pytest.raises(DataError, match=r"0\.csv, from item 0 on: .*not a valid SMILES"):
        Autoencoder(domain="molecules", **BRIEF).fit(stream(f"{tmp_path}/*.csv"))


def test_what_cannot_stream_is_said(tmp_path):
    (tmp_path / "a.smi").write_text("\n".join(SMILES))
    by_scaffold = MoleculeDomain(split="scaffold")
    with pytest.raises(SpecError, match="held out at random"):
        Autoencoder(domain=by_scaffold, **BRIEF).fit(stream(tmp_path))
    with pytest.raises(DataError, match="must name a column of a table"):
        Autoencoder(domain="molecules", **BRIEF).fit(stream(tmp_path, context="kind"))
    learner = MoleculeDomain(on_bad="skip").learner()
    with pytest.raises(DataError, match="that all pass"), pytest.warns(UserWarning, match="left"):
        learner.update(["CCO", "C1CC"])
    with pytest.raises(DataError, match="at least 2"):
        MoleculeDomain().learner().learned()
    assert join_molecules([]).smiles == ()
