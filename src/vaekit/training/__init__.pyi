from .callbacks import Callback as Callback, Event as Event
from .config import TrainConfig as TrainConfig
from .data import Items as Items
from .trainer import TrainResult as TrainResult, train as train
