"""Poor trials of Optuna are given up while they are trained."""

from collections.abc import Mapping
from typing import Any

from vaekit.errors import TrainingPruned
from vaekit.training.callbacks import Callback, EpochMetrics

_WARM_UP = 0.2
"""Share of the steps in which nothing is given up: losses of the first ones say little."""


class PruningCallback(Callback):
    """Reports each epoch to a trial of Optuna, and gives the training up if its pruner says so.

    Reported is the negative evidence lower bound on held-out items with the KL at weight 1, so that
    trials with different weights compare; of objectives without these terms the validation loss.
    In a study that maximizes, it is reported with the other sign.

    Args:
        trial: Of a study of Optuna with one objective.

    Raises:
        TrainingPruned: In the fit, when the trial is to be given up.

    In a search of your own::

        def objective(trial):
            rate = trial.suggest_float("learning_rate", 1e-4, 1e-2, log=True)
            callbacks = [PruningCallback(trial)]
            try:
                model = Autoencoder(learning_rate=rate, callbacks=callbacks).fit(X)
            except TrainingPruned as pruned:
                raise optuna.TrialPruned from pruned
            return model.score(X_held_out)
    """

    def __init__(self, trial: Any) -> None:
        self.trial = trial

    def on_epoch_end(self, metrics: EpochMetrics) -> None:
        """Report, and ask whether to go on."""
        value = comparable_loss(metrics.values)
        if value is None:
            return
        grows = self.trial.study.direction.name == "MAXIMIZE"
        self.trial.report(-value if grows else value, metrics.epoch)
        if metrics.step >= _WARM_UP * metrics.total and self.trial.should_prune():
            raise TrainingPruned(
                f"given up after epoch {metrics.epoch}, with a validation loss of {value:.4g}"
            )


def comparable_loss(values: Mapping[str, float]) -> float | None:
    """Return what trials are compared by on the way; ``None`` of adversarial games and the like.

    Example:
        >>> comparable_loss({"validation_reconstruction": 3.0, "validation_kl": 1.5})
        4.5
    """
    parts = [values.get(f"validation_{name}") for name in ("reconstruction", "kl")]
    if parts[0] is not None and parts[1] is not None:
        return parts[0] + parts[1]
    return values.get("validation_loss")
