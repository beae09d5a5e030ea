"""Tokenisers lose nothing, vocabularies name what they do not know, and models learn."""

import random

import numpy as np
import pytest
import torch

from vaekit import Autoencoder, load
from vaekit.domains import infer_domain
from vaekit.errors import CompositionError, DataError, DataTypeError, NotFittedError, SpecError
from vaekit.sequences import (
    BytePairs,
    Characters,
    SelfiesSymbols,
    SequenceDomain,
    SmilesAtoms,
    Vocabulary,
)
from vaekit.spec import build, describe

SMILES = [
    "C[C@@H](Cl)Br",
    "c1ccc(C(=O)NC%12CC%12)cc1",
    "F/C=C\\F",
    "[13CH3][N+](C)(C)C.[Cl-]",
    "weird text \n of any kind",
    "",
]


def words(n=300, seed=0):
    rng = random.Random(seed)
    return ["".join(rng.choices(["ab", "cd", "e"], k=rng.randint(1, 5))) for _ in range(n)]


@pytest.mark.parametrize("tokenizer", [Characters(), SmilesAtoms()], ids=repr)
def test_tokens_joined_are_the_string(tokenizer):
    pairs = BytePairs(tokenizer, 30).fit(SMILES * 2)
    for each in (tokenizer, pairs):
        assert ["".join(tokens) for tokens in each.split(SMILES)] == SMILES


def test_atoms_keep_their_brackets_and_letters():
    assert SmilesAtoms().split(["BrC[nH]%11@@"]) == [["Br", "C", "[nH]", "%11", "@@"]]


def plain_byte_pairs(tokens, merges):
    """The textbook's loop, for one string."""
    for left, right in merges:
        place, out = 0, []
        while place < len(tokens):
            if tokens[place : place + 2] == [left, right]:
                out.append(left + right)
                place += 2
            else:
                out.append(tokens[place])
                place += 1
        tokens = out
    return tokens


def test_byte_pairs_are_those_of_the_textbook():
    texts = ["aaaa", "aaa", "abab", "aabba", "b", "", *words()]
    pairs = BytePairs(Characters(), 20).fit(texts)
    assert pairs.split(texts) == [plain_byte_pairs(list(t), pairs.merges) for t in texts]
    assert pairs.split([]) == []


def test_merges_are_the_same_in_any_order_and_after_storage():
    texts = words()
    pairs = BytePairs(Characters(), 20).fit(texts)
    assert BytePairs(Characters(), 20).fit(texts[::-1]).merges == pairs.merges
    assert build(describe(pairs)) == pairs
    assert pairs.merges[0] == ("a", "b")


def test_merges_stop_where_no_pair_comes_twice():
    assert BytePairs(Characters(), 400).fit(["ab", "ab"]).merges == (("a", "b"),)
    assert BytePairs(Characters(), 400).fit(["a"]).merges == ()


def test_bad_byte_pairs():
    with pytest.raises(NotFittedError, match="call fit"):
        BytePairs().split(["a"])
    with pytest.raises(SpecError, match="at least 0"):
        BytePairs(num_merges=-1)
    with pytest.raises(SpecError, match="another tokeniser"):
        BytePairs(BytePairs())


def test_selfies_symbols():
    pytest.importorskip("selfies")
    assert SelfiesSymbols().split(["[C][=O]"]) == [["[C]", "[=O]"]]
    with pytest.raises(DataError, match=r"row 1.*SmilesAtoms"):
        SelfiesSymbols().split(["[C]", "CO"])


def test_what_the_vocabulary_does_not_know():
    vocabulary = Vocabulary.of([["a", "b"], ["a"]])
    with pytest.raises(DataError, match=r"got 'z' in row 1 \(2 of 3 rows"):
        vocabulary.encode([["a"], ["a", "z"], ["y"]])
    with pytest.raises(DataError, match="at most 2 tokens.*got 3 in row 0"):
        vocabulary.encode([["a", "b", "a"]])


def test_large_vocabularies_have_wider_rows():
    tokens = tuple(map(str, range(40_000)))
    vocabulary = Vocabulary(tokens, 1)
    rows = vocabulary.encode([["39999"]])
    assert rows.dtype == torch.int32
    assert vocabulary.decode(rows.float()) == [["39999"]]


def test_round_trip_of_strings_and_lists():
    texts = words()
    lists = [list(text) for text in texts]
    for data in (texts, lists):
        domain = build(describe(SequenceDomain().fit(data)))
        assert domain.decode(domain.encode(domain.prepare(data))) == data
    assert SequenceDomain(BytePairs()).fit(texts).event_shape < domain.event_shape


def test_what_ends_a_decoded_sequence():
    domain = SequenceDomain().fit(["ab", "b"])
    assert domain.decode(torch.tensor([[3.0, 2, 3], [4, 0, 3], [1, 3, 3]])) == ["b", "a", ""]


def test_bad_sequences(tmp_path):
    with pytest.raises(DataError, match="2 different items.*got 3, of which 1"):
        SequenceDomain().fit(["a"] * 3)
    with pytest.raises(DataError, match="empty list"):
        SequenceDomain().fit([])
    with pytest.raises(DataTypeError, match="7 in row 1"):
        SequenceDomain().fit(["a", 7])
    with pytest.raises(DataTypeError, match="row 1"):
        SequenceDomain().fit([["a"], "a"])
    with pytest.raises(DataError, match="as those of training"):
        SequenceDomain().fit(["a", "b"]).prepare([["a"]])
    with pytest.raises(DataError, match="single one into a list"):
        SequenceDomain().fit("abc")
    with pytest.raises(NotFittedError, match="call fit"):
        SequenceDomain().prepare(["a"])
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="UTF-8"):
        SequenceDomain().fit(tmp_path / "a.txt")


def test_a_text_file(tmp_path):
    (tmp_path / "a.txt").write_text("ab\nba\n")
    domain = SequenceDomain().fit(tmp_path / "a.txt")
    assert domain.decode(domain.prepare(tmp_path / "a.txt")) == ["ab", "ba"]


def test_parts_that_do_not_fit():
    domain = SequenceDomain().fit(["ab", "b"])
    rows = domain.prepare(["ab"])
    for options, match in (
        ({"network": "mlp"}, "networks 'gru'"),
        ({"likelihood": "gaussian"}, "likelihood of their own"),
    ):
        with pytest.raises(CompositionError, match=match):
            domain.parts(rows, 2, **options)
    other = SequenceDomain().fit(["abcd", "b"]).parts(rows, 2).likelihood
    with pytest.raises(CompositionError, match="5 codes and 3 steps"):
        domain.parts(rows, 2, likelihood=other)
    own = domain.parts(rows, 2).likelihood
    assert domain.parts(rows, 2, likelihood=own).likelihood is own


@pytest.mark.parametrize("preset", ["diffusion", "flow_matching"])
def test_presets_that_need_numbers_refuse(preset):
    with pytest.raises(CompositionError, match="sequence_vae"):
        Autoencoder(preset, domain="sequences", max_epochs=1, progress=False).fit(words())


@pytest.mark.slow
def test_a_model_reconstructs_samples_and_is_stored(tmp_path):
    texts = sorted(set(words(400)))
    model = Autoencoder(latent_dim=16, domain="sequences", max_epochs=97, seed=0, progress=False)
    model.fit(texts)
    again = model.reconstruct(texts[:50])
    assert sum(a == b for a, b in zip(again, texts, strict=False)) > 20
    drawn = model.sample(50, seed=0)
    assert model.sample(50, seed=0) == drawn
    assert all(set(text) <= set("abcde") for text in drawn)
    scores = model.score_samples([texts[0], "eeedc"], draws=8)
    assert scores[0] > scores[1] + 3
    likelihood = model.model_.likelihood
    likelihood.temperature = 1e-4
    cold = model.sample(50, seed=0)
    assert np.allclose(model.score_samples([texts[0], "eeedc"], draws=8), scores)
    model.save(tmp_path / "run")
    assert load(tmp_path / "run").sample(50, seed=0) == cold != drawn
    assert load(tmp_path / "run").reconstruct(texts[:50]) == again


def test_a_model_takes_a_context():
    texts = words(400)
    context = ["long" if len(text) > 5 else "short" for text in texts]
    model = Autoencoder(latent_dim=4, domain="sequences", steps=5, seed=0, progress=False)
    model.fit(texts, context=context)
    assert len(model.sample(5, "long")) == 5


def test_found_by_name():
    assert type(infer_domain(["a"], "sequences")) is SequenceDomain


def test_tokens_that_were_always_put_together_further_may_stand_alone():
    domain = SequenceDomain(BytePairs(Characters(), 2)).fit(["abc"] * 5 + ["abcabc"])
    assert domain.decode(domain.prepare(["ab", "cab", "b"])) == ["ab", "cab", "b"]
