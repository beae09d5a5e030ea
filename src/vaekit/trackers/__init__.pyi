from .base import Tracker as Tracker, make_trackers as make_trackers
from .mlflow import MLflowTracker as MLflowTracker
from .ray import RayTuneCallback as RayTuneCallback
from .tensorboard import TensorBoardTracker as TensorBoardTracker
from .trackio import TrackioTracker as TrackioTracker
from .wandb import WandbTracker as WandbTracker
