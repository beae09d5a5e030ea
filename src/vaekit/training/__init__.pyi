from .callbacks import (
    Callback as Callback,
    CallbackList as CallbackList,
    EpochMetrics as EpochMetrics,
    FitEnd as FitEnd,
    FitStart as FitStart,
    Samples as Samples,
    StepMetrics as StepMetrics,
    StopTraining as StopTraining,
)
from .callbacks import Event as Event
from .trainer import Listener as Listener
from .config import TrainConfig as TrainConfig
from .config import Items as Items
from .config import item_weights as item_weights
from .trainer import TrainResult as TrainResult, train as train, held as held
from .state import CHECKPOINT_NAME as CHECKPOINT_NAME
from .state import discard_checkpoint as discard_checkpoint, refuse_to_discard as refuse_to_discard
