"""Alerts and filters on molecules that are known to have them."""

import pytest

pytest.importorskip("rdkit")

from vaekit.errors import SpecError
from vaekit.molecules import CATALOGUES, find_alerts, passes_filters

RHODANINE_OF_PAINS = "O=C1NC(=S)SC1=Cc1ccccc1"  # Baell & Holloway 2010, the best-known of them


def test_a_notorious_one():
    (found,) = find_alerts([RHODANINE_OF_PAINS])
    assert any(alert.startswith("pains: ene_rhod") for alert in found)
    assert len(found) == len(set(found))


@pytest.mark.parametrize("name", CATALOGUES)
def test_every_catalogue_lets_ethanol_pass_or_says_why(name):
    found = find_alerts(["CCO", RHODANINE_OF_PAINS, "no molecule"], [name])
    assert found[2] == ()
    assert all(alert.startswith(f"{name}: ") for alerts in found for alert in alerts)
    assert found[1] or name == "zinc"


def test_an_unknown_catalogue():
    with pytest.raises(SpecError, match="did you mean 'pains'"):
        find_alerts(["CCO"], ["PAINS"])


@pytest.mark.parametrize(
    ("smiles", "passes"),
    [
        ("Cc1ccccc1C(=O)NC", True),
        ("CC(=O)[O-]", False),
        ("CCI", False),
        ("C1CCCCCC1", True),
        ("C1CCCCCCC1", False),
        ("C1OC1C", False),  # an epoxide
        ("CCCl", False),  # an alkyl halide, of which the pattern names the hydrogens
        (RHODANINE_OF_PAINS, False),
        ("", False),
        (None, False),
    ],
)
def test_the_rules_of_moses(smiles, passes):
    assert passes_filters([smiles]).tolist() == [passes]
