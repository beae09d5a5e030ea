from .base import Tracker as Tracker, make_trackers as make_trackers
from .services import MLflowTracker as MLflowTracker
from .base import RayTuneCallback as RayTuneCallback
from .services import TensorBoardTracker as TensorBoardTracker
from .services import TrackioTracker as TrackioTracker
from .services import WandbTracker as WandbTracker
