"""Atoms that training had seldom are spelled, so that no molecule is unreadable."""

import numpy as np
import pytest
import torch

from vaekit import Autoencoder, load
from vaekit.domains.tokenizers import BytePairs, SmilesAtoms, SpelledAtoms, tokens_of
from vaekit.errors import CompositionError, NotFittedError, SpecError
from vaekit.molecules import (
    MoleculeDomain,
    Standardizer,
    extend_tokens,
    readable_molecules,
    standardize,
)
from vaekit.sequences import SequenceDomain
from vaekit.spec import build, describe

Chem = pytest.importorskip("rdkit.Chem")

HARD = [  # of HIV's kind: metals, rare elements, charges, cages, isotopes, many rings
    "CC[Sn](CC)(CC)OC(=O)c1ccccc1",
    "Cl[Pt]1(Cl)NCCN1",
    "O=C1O[Sb](O)(O)c2ccccc21",
    "c1ccc([Te]c2ccccc2)cc1",
    "CC1=C[Se]C(=N)N1",
    "[O-][Cl+3]([O-])([O-])[O-].C[N+](C)(C)C",
    "CC(=O)[O-]->[Cu+2]<-[O-]C(C)=O",
    "C[Si](C)(C)O[Si](C)(C)C",
    "OB1OC(C)(C)C2(O1)CC[PH](=O)CC2",
    "[2H]C([2H])([2H])[13C@@H]([15NH2])C(=O)O",
    "C[S@@](=O)CC/C=C\\C#N",
    "C[n+]1ccccc1[I-]C",
    "[se]1cccc1-c1ccc[te]1",
    "C1=CC2C=CC1[Fe]2",
    "C1CC2CC3CC4CC5CC6CC7CC8CC9CC%10CC%11CC1C%11C%10C9C8C7C6C5C4C3C2",
    "[Hg]C1=CC=CC=C1[As](=O)(O)O",
    "C[U](C)(Cl)Cl",
    "[C-]#[N+]c1ccc(N=[N+]=[N-])cc1",
    "[CH2]CC[CH-]C=C",
    "C%(100)CCCC%(100)",
]
USUAL = ["CCO", "C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O", "c1ccc[nH]1", "CC(=O)Nc1ccccc1"] * 20


def every_element():
    table = Chem.GetPeriodicTable()
    return [f"[{table.GetElementSymbol(number)}]" for number in range(1, 119)]


@pytest.mark.parametrize("merges", [None, 0, 30])
def test_tokens_joined_are_the_string_and_all_are_known(merges):
    atoms = SpelledAtoms(min_count=20)
    chosen = atoms if merges is None else BytePairs(atoms, merges)
    tokenizer = chosen.fit(USUAL)
    known = tokens_of(tokenizer)
    for each in (HARD, every_element(), [f"[{n}C@@H+{n}]%{n}" for n in range(10, 99)]):
        split = tokenizer.split(each)
        assert ["".join(tokens) for tokens in split] == each
        assert known.issuperset(token for tokens in split for token in tokens)


def test_often_is_a_token_and_seldom_is_spelled():
    texts = ["C[C@H](N)O", "C[C@H](F)O", "[nH]1cccc1[nH]", "BrCl%12"]
    atoms = SpelledAtoms(min_count=2).fit(texts)
    assert atoms.known == ("[C@H]",)  # [nH] comes twice, but in one molecule
    assert atoms.split(["[C@H]Br[nH]%12"]) == [["[C@H]", "Br", "[", "n", "H", "]", "%", "1", "2"]]
    assert SpelledAtoms(min_count=1).fit(texts).split(texts[:3]) == SmilesAtoms().split(texts[:3])


def test_merges_learn_on_from_those_that_there_are():
    first = BytePairs(SpelledAtoms(), 3).fit(USUAL)
    more = BytePairs(first.base, 6, first.merges).extended(HARD)
    assert more.merges[:3] == first.merges
    assert len(more.merges) == 6
    assert build(describe(more)) == more
    assert first.extended(HARD) == first


def test_what_is_not_learned_yet_and_what_cannot_be_spelled():
    with pytest.raises(NotFittedError, match="call fit"):
        SpelledAtoms().split(["C"])
    with pytest.raises(SpecError, match=r"spell_rare.*'bpe-selfies'.*bpe-smiles"):
        MoleculeDomain("bpe-selfies", spell_rare=True).fit(USUAL)


@pytest.mark.parametrize("representation", ["smiles", "bpe-smiles"])
def test_a_domain_reads_what_it_never_saw(representation):
    rules = Standardizer(charges="keep", metals="keep", isotopes="keep")
    long = ["CC(=O)N" * 20 + "[Si]", *USUAL]
    plain = MoleculeDomain(representation, 10, rules).fit(long)
    domain = MoleculeDomain(representation, 10, rules, spell_rare=True).fit(long)
    found = standardize(HARD[:-1], rules)
    assert not found.report.rejected
    rows = domain.prepare(found)
    assert domain.decode(domain.encode(rows)) == list(found.smiles)
    assert readable_molecules(domain, found)[1] == 0
    assert readable_molecules(plain, found)[1] > len(found) / 2
    assert build(describe(domain)) == domain
    learner = MoleculeDomain(representation, 10, rules, spell_rare=True).learner()
    for start in range(0, len(long), 9):
        learner.update(long[start : start + 9])
    assert learner.learned() == domain


def test_a_trained_model_gets_tokens_and_keeps_what_it_knew():
    moses = load("moses")
    usual = ["CCOc1ccc(CNC(C)=O)cc1", "COc1ccc(-c2ccncc2)cc1"]
    rules = Standardizer(charges="keep", metals="keep")
    new = standardize([*USUAL, *HARD[:-1]], rules, keep_duplicates=True)
    grown = extend_tokens(moses.trained_, new, num_merges=5, min_count=5)
    tokens = grown.domain.vocabulary_tokens
    before = moses.domain_.vocabulary_tokens
    assert tokens[: len(before)] == before
    assert {"[C@H]", "[C@@H]", "@@", "Z"} <= {*tokens}
    assert len(grown.domain.tokenizer.merges) == 405
    assert readable_molecules(grown.domain, new)[1] == 0
    assert readable_molecules(moses.domain_, new)[1] > 0
    assert grown.reconstruct(usual) == moses.reconstruct(usual) == usual
    with pytest.raises(CompositionError, match="'bpe-smiles' and network='transformer'"):
        extend_tokens(
            Autoencoder(latent_dim=2, max_epochs=1, progress=False)
            .fit(np.random.default_rng(0).normal(size=(50, 3)))
            .trained_,
            new,
        )


def test_sequences_may_be_spelled_too():
    domain = SequenceDomain(SpelledAtoms(2)).fit(["CC[NH+]", "C[NH+]C", "C" * 120])
    assert domain.decode(domain.encode(domain.prepare(HARD))) == HARD


def test_metals_are_refused_unless_they_are_kept():
    assert not standardize(["C[Sn](C)(C)C"]).smiles
    tin = "[CH3][Sn]([CH3])([CH3])[CH3]"
    assert standardize(["C[Sn](C)(C)C"], Standardizer(metals="keep")).smiles == (tin,)
    with pytest.raises(SpecError, match="metals must be one of refuse, keep; got 'no'"):
        Standardizer(metals="no")


def test_a_run_with_spelled_atoms_comes_back(tmp_path):
    domain = MoleculeDomain(num_merges=5, spell_rare=True, standardizer=Standardizer(metals="keep"))
    model = Autoencoder(
        latent_dim=4, domain=domain, max_epochs=1, progress=False, validation=0.0
    ).fit(["CC(=O)N" * 4, *USUAL])
    model.save(tmp_path / "run")
    again = load(tmp_path / "run")
    assert again.domain_ == model.domain_
    unseen = ["C[GeH3]", "C[13C@H](N)Br"]
    np.testing.assert_array_equal(again.transform(unseen), model.transform(unseen))
    assert torch.isfinite(torch.as_tensor(model.score_samples(unseen))).all()
