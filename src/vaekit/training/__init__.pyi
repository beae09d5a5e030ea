from .trainer import Callback as Callback, Event as Event
from .config import TrainConfig as TrainConfig
from .config import Items as Items
from .trainer import TrainResult as TrainResult, train as train
