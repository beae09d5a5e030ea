"""What can be chosen about an evaluation."""

from dataclasses import dataclass

from vaekit.errors import SpecError, unknown_name
from vaekit.seeds import check_seed

FEATURE_NAMES = ("auto", "classifier", "efficientnet", "raw")
"""What samples may be compared by; ``"auto"`` is a classifier where labels are known, else raw."""

# Most items that each part looks at. With the default networks on images of 28 x 28 the whole
# evaluation then takes half a minute on one core.
LIKELIHOOD_ITEMS = 5000
LATENT_ITEMS = 2000
RECONSTRUCTION_ITEMS = 5000
CODE_ITEMS = 5000
FEATURE_ITEMS = 5000


_MOST = 1_000_000_000


@dataclass(frozen=True)
class EvaluationSettings:
    """Options of `evaluate`.

    Attributes:
        features: What samples are compared by: one of `FEATURE_NAMES`.
        samples: Most samples of each kind, and real items to compare them with; at most three
            tenths of the items are used for either half, two fifths to learn the features.
        draws: Importance samples per item, at least 1.
        annealed: Items for annealed importance sampling, which takes seconds for each; 0 for none.
        annealing_steps: Rises of its temperature.
        k: Neighbours of precision, recall, density and coverage.
        target: Of tables: a column that trees are to predict, trained on samples.
        seed: Of everything random, the choice of items included.

    Raises:
        SpecError: An unknown kind of features, or a number that is too small.
    """

    features: str = "auto"
    samples: int = 3000
    draws: int = 64
    annealed: int = 0
    annealing_steps: int = 1000
    k: int = 5
    target: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the values."""
        if self.features not in FEATURE_NAMES:
            raise unknown_name("features", self.features, FEATURE_NAMES)
        least = {"samples": 1, "draws": 1, "annealed": 0, "annealing_steps": 1, "k": 1}
        for name, bound in least.items():
            value = vars(self)[name]
            if not bound <= value <= _MOST:
                raise SpecError(f"{name} must be from {bound} to {_MOST}; got {value}. Mend it.")
        check_seed(self.seed)
