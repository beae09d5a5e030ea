"""Ray Tune."""

from vaekit.trackers.base import require_library
from vaekit.training.callbacks import Callback, EpochMetrics


class RayTuneCallback(Callback):
    """Reports each epoch of a fit to Ray Tune, so that its schedulers can stop poor trials.

    Pass it to the estimator that is fitted within the trainable. Reported are the names that
    ``history.csv`` has: ``loss``, ``validation_loss``, and so on, in nats per item, with ``epoch``
    and ``step``.

    Raises:
        MissingExtraError: Ray Tune is not installed.

    A search over the learning rate::

        from ray import tune
        from ray.tune.schedulers import ASHAScheduler

        def trainable(config):
            callbacks = [RayTuneCallback()]
            Autoencoder(learning_rate=config["learning_rate"], callbacks=callbacks).fit(X)

        tuner = tune.Tuner(
            trainable,
            param_space={"learning_rate": tune.loguniform(1e-4, 1e-2)},
            tune_config=tune.TuneConfig(
                metric="validation_loss", mode="min", num_samples=20, scheduler=ASHAScheduler()
            ),
        )
        tuner.fit()
    """

    def __init__(self) -> None:
        require_library("ray.tune", "ray", "RayTuneCallback")

    def on_epoch_end(self, metrics: EpochMetrics) -> None:
        """Report the epoch; Ray ends the process of a trial that it stops."""
        from ray import tune

        tune.report({**metrics.values, "epoch": metrics.epoch, "step": metrics.step})
