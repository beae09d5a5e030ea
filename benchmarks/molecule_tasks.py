"""Goal-directed tasks of GuacaMol, written from their published definitions.

Source: Brown et al. 2019, "GuacaMol: benchmarking models for de novo molecular design", section 4.3
and its supporting information; the selection and scoring by area under the curve of the ten best is
that of Gao et al. 2022, "Sample efficiency matters" (PMO). Every score is from 0 to 1.
"""

import numpy as np
from rdkit import Chem, DataStructs
from rdkit.Chem import (
    QED,
    Crippen,
    Descriptors,
    GraphDescriptors,
    rdFingerprintGenerator,
    rdMolDescriptors,
)
from rdkit.Chem.Pharm2D import Generate, Gobbi_Pharm2D

__all__ = ["TASKS"]


def gaussian(mu, sigma):
    return lambda x: float(np.exp(-0.5 * ((x - mu) / sigma) ** 2))


def at_most(mu, sigma):
    bell = gaussian(mu, sigma)
    return lambda x: 1.0 if x <= mu else bell(x)


def at_least(mu, sigma):
    bell = gaussian(mu, sigma)
    return lambda x: 1.0 if x >= mu else bell(x)


def clipped(upper):
    return lambda x: min(1.0, max(0.0, x / upper))


_FEATURES = rdFingerprintGenerator.GetMorganFeatureAtomInvGen()
_KINDS = {
    "ECFP4": rdFingerprintGenerator.GetMorganGenerator(radius=2),
    "ECFP6": rdFingerprintGenerator.GetMorganGenerator(radius=3),
    "FCFP4": rdFingerprintGenerator.GetMorganGenerator(radius=2, atomInvariantsGenerator=_FEATURES),
    "AP": rdFingerprintGenerator.GetAtomPairGenerator(maxDistance=10),
}


def fingerprint(mol, kind):
    if kind == "PHCO":
        return Generate.Gen2DFingerprint(mol, Gobbi_Pharm2D.factory)
    return _KINDS[kind].GetSparseCountFingerprint(mol)


def similar(smiles, kind, modifier=lambda x: x):
    target = fingerprint(Chem.MolFromSmiles(smiles), kind)
    return lambda mol: modifier(DataStructs.TanimotoSimilarity(fingerprint(mol, kind), target))


def has(smarts, wanted=True):
    pattern = Chem.MolFromSmarts(smarts)
    return lambda mol: float(mol.HasSubstructMatch(pattern) == wanted)


def scored(descriptor, modifier):
    return lambda mol: modifier(descriptor(mol))


def count_of(element):
    def count(mol):
        mol = Chem.AddHs(mol) if element == "H" else mol
        return sum(atom.GetSymbol() == element for atom in mol.GetAtoms())

    return count


def all_atoms(mol):
    return Chem.AddHs(mol).GetNumAtoms()


def arithmetic(*parts):
    return lambda mol: float(np.mean([part(mol) for part in parts]))


def geometric(*parts):
    return lambda mol: float(np.prod([part(mol) for part in parts]) ** (1 / len(parts)))


def isomers(**counts):
    parts = [scored(count_of(element), gaussian(n, 1.0)) for element, n in counts.items()]
    return geometric(*parts, scored(all_atoms, gaussian(sum(counts.values()), 2.0)))


logp, tpsa, weight = Crippen.MolLogP, Descriptors.TPSA, Descriptors.MolWt
aromatic_rings = rdMolDescriptors.CalcNumAromaticRings

OSIMERTINIB = "COc1cc(N(C)CCN(C)C)c(NC(=O)C=C)cc1Nc2nccc(n2)c3cn(C)c4ccccc34"
FEXOFENADINE = "CC(C)(C(=O)O)c1ccc(cc1)C(O)CCCN2CCC(CC2)C(O)(c3ccccc3)c4ccccc4"
RANOLAZINE = "COc1ccccc1OCC(O)CN2CCN(CC(=O)Nc3c(C)cccc3C)CC2"
PERINDOPRIL = "O=C(OCC)C(NC(C(=O)N1C(C(=O)O)CC2CCCCC12)C)CCC"
AMLODIPINE = r"Clc1ccccc1C2C(=C(/N/C(=C2/C(=O)OCC)COCCN)C)\C(=O)OC"
SITAGLIPTIN = "Fc1cc(c(F)cc1F)CC(N)CC(=O)N3Cc2nnc(n2CC3)C(F)(F)F"
ZALEPLON = "O=C(C)N(CC)C1=CC=CC(C2=CC=NC3=C(C=NN23)C#N)=C1"
TADALAFIL = "O=C1N(CC(N2C1CC3=C(C2C4=CC5=C(OCO5)C=C4)NC6=C3C=CC=C6)=O)C"
SILDENAFIL = "CCCC1=NN(C2=C1N=C(NC2=O)C3=C(C=CC(=C3)S(=O)(=O)N4CCN(CC4)C)OCC)C"
CAMPHOR, MENTHOL = "CC1(C)C2CCC1(C)C(=O)C2", "CC(C)C1CCC(C)CC1O"
HOPPED = "CCCOc1cc2ncnc(Nc3ccc4ncsc4c3)c2cc1S(=O)(=O)C(C)(C)C"
HOPPED_CORE = "[#7]-c1n[c;h1]nc2[c;h1]c(-[#8])[c;h0][c;h1]c12"
HOPPED_ENDS = "[#6]-[#6]-[#6]-[#8]-[#6]~[#6]~[#6]~[#6]~[#6]-[#7]-c1ccc2ncsc2c1"
ALBUTEROL = "CC(C)(C)NCC(O)c1ccc(O)c(CO)c1"
MESTRANOL = "COc1ccc2[C@H]3CC[C@@]4(C)[C@@H](CC[C@@]4(O)C#C)[C@@H]3CCc2c1"
CELECOXIB = "CC1=CC=C(C=C1)C1=CC(=NN1C1=CC=C(C=C1)S(N)(=O)=O)C(F)(F)F"
TROGLITAZONE = "Cc1c(C)c2OC(C)(COc3ccc(CC4SC(=O)NC4=O)cc3)CCc2c(C)c1O"
THIOTHIXENE = "CN(C)S(=O)(=O)c1ccc2Sc3ccccc3C(=CCCN4CCN(C)CC4)c2c1"


def sitagliptin():
    mol = Chem.MolFromSmiles(SITAGLIPTIN)
    return geometric(
        similar(SITAGLIPTIN, "ECFP4", gaussian(0, 0.1)),
        scored(logp, gaussian(logp(mol), 0.2)),
        scored(tpsa, gaussian(tpsa(mol), 5)),
        isomers(C=16, H=15, F=6, N=5, O=1),
    )


def valsartan():
    mol = Chem.MolFromSmiles("NC(CC(=O)N1CCn2c(nnc2C(F)(F)F)C1)Cc1cc(F)c(F)cc1F")
    bertz = GraphDescriptors.BertzCT
    return geometric(
        has("CN(C=O)Cc1ccc(c2ccccc2)cc1"),
        scored(logp, gaussian(logp(mol), 0.2)),
        scored(tpsa, gaussian(tpsa(mol), 5)),
        scored(bertz, gaussian(bertz(mol), 30)),
    )


TASKS = {
    "albuterol_similarity": lambda: similar(ALBUTEROL, "FCFP4", clipped(0.75)),
    "amlodipine_mpo": lambda: geometric(
        similar(AMLODIPINE, "ECFP4"), scored(rdMolDescriptors.CalcNumRings, gaussian(3, 0.5))
    ),
    "celecoxib_rediscovery": lambda: similar(CELECOXIB, "ECFP4"),
    "deco_hop": lambda: arithmetic(
        similar(HOPPED, "PHCO", clipped(0.85)),
        has("CS([#6])(=O)=O", False),
        has("[#7]-c1ccc2ncsc2c1", False),
        has(HOPPED_CORE),
    ),
    "fexofenadine_mpo": lambda: geometric(
        similar(FEXOFENADINE, "AP", clipped(0.8)),
        scored(tpsa, at_least(90, 10)),
        scored(logp, at_most(4, 1)),
    ),
    "isomers_c7h8n2o2": lambda: isomers(C=7, H=8, N=2, O=2),
    "isomers_c9h10n2o2pf2cl": lambda: isomers(C=9, H=10, N=2, O=2, P=1, F=2, Cl=1),
    "median1": lambda: geometric(similar(CAMPHOR, "ECFP4"), similar(MENTHOL, "ECFP4")),
    "median2": lambda: geometric(similar(TADALAFIL, "ECFP6"), similar(SILDENAFIL, "ECFP6")),
    "mestranol_similarity": lambda: similar(MESTRANOL, "AP", clipped(0.75)),
    "osimertinib_mpo": lambda: geometric(
        similar(OSIMERTINIB, "FCFP4", clipped(0.8)),
        similar(OSIMERTINIB, "ECFP6", at_most(0.85, 0.1)),
        scored(tpsa, at_least(100, 10)),
        scored(logp, at_most(1, 1)),
    ),
    "perindopril_mpo": lambda: geometric(
        similar(PERINDOPRIL, "ECFP4"), scored(aromatic_rings, gaussian(2, 0.5))
    ),
    "qed": lambda: QED.qed,
    "ranolazine_mpo": lambda: geometric(
        similar(RANOLAZINE, "AP", clipped(0.7)),
        scored(logp, at_least(7, 1)),
        scored(count_of("F"), gaussian(1, 1.0)),
        scored(tpsa, at_least(95, 20)),
    ),
    "scaffold_hop": lambda: arithmetic(
        similar(HOPPED, "PHCO", clipped(0.75)), has(HOPPED_ENDS), has(HOPPED_CORE, False)
    ),
    "sitagliptin_mpo": sitagliptin,
    "thiothixene_rediscovery": lambda: similar(THIOTHIXENE, "ECFP4"),
    "troglitazone_rediscovery": lambda: similar(TROGLITAZONE, "ECFP4"),
    "valsartan_smarts": valsartan,
    "zaleplon_mpo": lambda: geometric(similar(ZALEPLON, "ECFP4"), isomers(C=19, H=17, N=3, O=2)),
}
"""Makers of functions of an RDKit molecule: those of PMO's 23 that need no trained classifier."""
