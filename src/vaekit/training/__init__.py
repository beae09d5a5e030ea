"""Training: one loop for every objective."""

from vaekit.training.config import TrainConfig
from vaekit.training.data import Items
from vaekit.training.events import Callback, Event
from vaekit.training.trainer import TrainResult, train

__all__ = ["Callback", "Event", "Items", "TrainConfig", "TrainResult", "train"]
