import inspect

import pytest

from vaekit import errors

BASES = {
    "SpecError": (errors.VaekitError, ValueError),
    "FormatError": (errors.SpecError,),
    "CompositionError": (errors.VaekitError, TypeError),
    "ConformanceError": (errors.VaekitError,),
    "DataError": (errors.VaekitError, ValueError),
    "DataTypeError": (errors.DataError, TypeError),
    "NotFittedError": (errors.VaekitError, ValueError, AttributeError),
    "TrainingError": (errors.VaekitError, RuntimeError),
    "NonFiniteLossError": (errors.TrainingError,),
    "CallbackError": (errors.TrainingError,),
    "TrainingPruned": (errors.TrainingError,),
    "SaveError": (errors.VaekitError, OSError),
    "InUseError": (errors.SaveError,),
    "HubError": (errors.VaekitError, OSError),
    "MissingExtraError": (errors.VaekitError, ImportError),
    "VaekitError": (Exception,),
}


@pytest.mark.parametrize(("name", "bases"), BASES.items())
def test_each_error_has_its_place_in_the_tree(name, bases):
    assert getattr(errors, name).__bases__ == bases


def test_every_exported_error_has_a_place_in_the_tree():
    assert {
        n
        for n, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, Exception)
    } == set(BASES)


def test_the_drawn_tree_shows_every_error():
    drawn = {line.strip("│├└─ ").split()[0] for line in errors.__doc__.splitlines() if "──" in line}
    assert drawn == set(BASES) - {"VaekitError"}


@pytest.mark.parametrize(
    ("given", "near"),
    [("beta-vae", "beta_vae"), ("IWAE", "iwae"), ("iwea", "iwae"), ("xyzzy", None), (3, None)],
)
def test_the_nearest_name_is_suggested_where_one_is_near(given, near):
    message = str(errors.unknown_name("preset", given, ["iwae", "beta_vae"]))
    assert ("did you mean" in message) == (near is not None)
    assert f"unknown preset {given!r}" in message
    assert near is None or f"did you mean {near!r}?" in message


def test_known_names_are_listed_in_order():
    message = str(errors.unknown_name("size", "huge", iter(["small", "large"])))
    assert message.endswith("Known: large, small.")
