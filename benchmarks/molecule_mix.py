"""Mix libraries of molecules into one file to learn from, and set some of each aside.

    python benchmarks/molecule_mix.py --data DIR --out DIR [--made N]

The first DIR holds moses/train_250k.csv.gz and train_props.csv.gz, zinc_valid/valid.csv.gz,
chembl_like/train.smi.gz and test.smi.gz, and hiv_half/hiv_dev.csv.gz. Of ZINC and HIV a tenth is
held out as a test and a twentieth to choose by, told by a hash of the molecule without stereo and
charges, so that its other forms go with it; of MOSES the last 5,000 rows, and of the ChEMBL-like
ones their own test. Into the other DIR go test_NAME.csv.gz, validation_NAME.csv.gz, and
train.csv.gz with columns smiles, weight, source, qed, logp and tpsa, of which the last three may be
missing. What real libraries have too little of is made of their molecules: MOSES' with centres set
at random and amines and acids ionised as in ZINC, and pieces of HIV's and ChEMBL-like molecules put
together at single bonds. Weights are such that each source has the share that `SHARES` says.
"""

import argparse
import random
import warnings
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
from rdkit import Chem, RDLogger

from vaekit.molecules import Standardizer, compute_properties, standardize

SHARES = {
    "moses": 0.12,
    "moses, made": 0.18,
    "zinc": 0.24,
    "zinc, neutral": 0.04,
    "chembl": 0.12,
    "chembl, neutral": 0.02,
    "hiv": 0.22,
    "hiv, made": 0.06,
}
TARGETS = ("qed", "logp", "tpsa")
AS_GIVEN = Standardizer(charges="keep", metals="keep")
FLAT = Standardizer(stereo="drop", metals="keep")
TEST, VALIDATION, OF = 2, 1, 20  # parts of a hash
HELD_OUT = 5000  # of MOSES
AMINE = Chem.MolFromSmarts("[NX3;+0;!$(N[!#6;!#1]);!$(N[#6;!X4])]")
ACID = Chem.MolFromSmarts("[OX2H1;$(OC=O)]")
LONGEST = 160  # letters of what is put together


def read(path):
    if not path.exists():
        raise SystemExit(f"{path} is missing: --data must be a folder that holds it.")
    if ".smi" in path.name:
        return pd.read_csv(path, sep=r"\s+", header=None, dtype=str)[0].tolist()
    return pd.read_csv(path).iloc[:, 0].astype(str).tolist()


def forms(smiles):
    """Molecules as given, neutral, and without stereo and charges: a row for each that passes."""
    given = standardize(smiles, AS_GIVEN)
    rows = [
        (
            smile,
            *(standardize([smile], rules).smiles for rules in (Standardizer(metals="keep"), FLAT)),
        )
        for smile in given.smiles
    ]
    return pd.DataFrame(
        [(a, b[0], c[0]) for a, b, c in rows if b and c], columns=["smiles", "neutral", "flat"]
    )


def part_of(flat):
    place = zlib.crc32(flat.encode()) % OF
    return "test" if place < TEST else "validation" if place < TEST + VALIDATION else "train"


def with_centers(mol, rng):
    """Set nearly all centres and double bonds that are open, at random."""
    for found in Chem.FindPotentialStereo(mol):
        if rng.random() < 0.1 or found.specified == Chem.StereoSpecified.Specified:
            continue
        if found.type == Chem.StereoType.Atom_Tetrahedral:
            tag = rng.choice((Chem.CHI_TETRAHEDRAL_CW, Chem.CHI_TETRAHEDRAL_CCW))
            mol.GetAtomWithIdx(found.centeredOn).SetChiralTag(tag)
        elif found.type == Chem.StereoType.Bond_Double:
            ends, count = list(found.controllingAtoms), mol.GetNumAtoms()  # more stands for none
            pair = [[a for a in side if a < count] for side in (ends[:2], ends[2:])]
            if all(pair):
                bond = mol.GetBondWithIdx(found.centeredOn)
                bond.SetStereoAtoms(pair[0][0], pair[1][0])
                bond.SetStereo(rng.choice((Chem.BondStereo.STEREOCIS, Chem.BondStereo.STEREOTRANS)))


def ionised(mol):
    for (place,) in mol.GetSubstructMatches(ACID):
        atom = mol.GetAtomWithIdx(place)
        atom.SetFormalCharge(-1)
        atom.SetNumExplicitHs(0)
    amines = mol.GetSubstructMatches(AMINE)
    for (place,) in amines[:1]:
        atom = mol.GetAtomWithIdx(place)
        atom.SetNumExplicitHs(atom.GetTotalNumHs() + 1)
        atom.SetFormalCharge(1)
        atom.SetNoImplicit(True)
    Chem.SanitizeMol(mol)


def varied(smiles, count, rng):
    """Molecules with centres set and ions made, as those of ZINC have them."""
    made = set()
    for smile in rng.sample(smiles, min(count, len(smiles))):
        mol = Chem.MolFromSmiles(smile)
        if rng.random() < 0.5:
            ionised(mol)
        with_centers(mol, rng)
        again = Chem.MolFromSmiles(Chem.MolToSmiles(mol))
        if again is not None and (found := Chem.MolToSmiles(again)) != smile:
            made.add(found)
    return sorted(made)


def piece(mol, rng):
    """One side of a single bond outside of rings, with a dummy where the other was."""
    bonds = [
        bond.GetIdx()
        for bond in mol.GetBonds()
        if bond.GetBondType() == Chem.BondType.SINGLE and not bond.IsInRing()
    ]
    if not bonds:
        return None
    cut = Chem.FragmentOnBonds(mol, [rng.choice(bonds)], dummyLabels=[(1, 1)])
    sides = Chem.GetMolFrags(cut, asMols=True)
    return max(sides, key=lambda side: side.GetNumAtoms() * rng.uniform(0.3, 1))


def put_together(smiles, count, rng):
    """Molecules of two pieces of others each."""
    rules, made = Chem.MolzipParams(), set()
    rules.label = Chem.MolzipLabel.Isotope
    for _ in range(count):
        pair = [piece(Chem.MolFromSmiles(smile), rng) for smile in rng.sample(smiles, 2)]
        if None in pair:
            continue
        mol = Chem.molzip(*pair, rules)
        found = Chem.MolToSmiles(mol)
        again = Chem.MolFromSmiles(found) if len(found) <= LONGEST else None
        if again is not None and "*" not in found and "." not in found:
            made.add(Chem.MolToSmiles(again))
    return sorted(made)


def main(options):
    warnings.simplefilter("ignore")
    RDLogger.DisableLog("rdApp.*")
    options.out.mkdir(parents=True, exist_ok=True)
    rng, data = random.Random(0), options.data
    tables = {
        "zinc": forms(read(data / "zinc_valid/valid.csv.gz")),
        "chembl": forms(read(data / "chembl_like/train.smi.gz")),
        "hiv": forms(read(data / "hiv_half/hiv_dev.csv.gz")),
    }
    print({name: len(table) for name, table in tables.items()}, flush=True)
    kept_back = set()
    for name, table in tables.items():
        table["part"] = [part_of(flat) for flat in table["flat"]]
        for part in ("test", "validation"):
            some = table[table["part"] == part]
            kept_back |= {*some["smiles"], *some["neutral"], *some["flat"]}
            some[["smiles"]].to_csv(options.out / f"{part}_{name}.csv.gz", index=False)
    test = forms(read(data / "chembl_like/test.smi.gz"))
    kept_back |= {*test["smiles"], *test["neutral"], *test["flat"]}
    test[["smiles"]].to_csv(options.out / "test_chembl.csv.gz", index=False)
    moses = read(data / "moses/train_250k.csv.gz")
    kept_back |= set(moses[-HELD_OUT:])
    moses = [smile for smile in moses[:-HELD_OUT] if smile not in kept_back]
    learned = {
        name: table[(table["part"] == "train") & ~table["flat"].isin(kept_back)]
        for name, table in tables.items()
    }
    parts = {"moses": moses}
    for name, table in learned.items():
        parts[name] = table["smiles"].tolist()
        if name != "hiv":
            other = table["neutral"][table["neutral"] != table["smiles"]]
            parts[f"{name}, neutral"] = other.tolist()
    parts["moses, made"] = varied(moses, options.made, rng)
    pieces = parts["hiv"] + rng.sample(parts["chembl"], len(parts["hiv"]) // 2)
    parts["hiv, made"] = put_together(pieces, options.made // 4, rng)
    known = pd.read_csv(data / "moses/train_props.csv.gz").rename(columns={"logP": "logp"})
    rows = []
    for name, smiles in parts.items():
        some = pd.DataFrame({"smiles": smiles})
        some = some[~some["smiles"].isin(kept_back)].drop_duplicates()
        print(f"{name}: {len(some)}", flush=True)
        some["source"], some["weight"] = name, SHARES[name] / len(some)
        if name == "moses":
            some = some.merge(known[["smiles", *TARGETS]], "left", "smiles")
        elif "made" not in name:
            found = compute_properties(some["smiles"].tolist(), TARGETS)
            some = some.assign(**found)
        rows.append(some)
    table = pd.concat(rows)
    table["weight"] /= table["weight"].mean()
    table[["smiles", "source", "weight", *TARGETS]].round(6).to_csv(
        options.out / "train.csv.gz", index=False
    )
    print(f"{len(table)} molecules, {np.isfinite(table['qed']).sum()} with properties", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--made", type=int, default=240_000)
    main(parser.parse_args())
