from .base import Discrete as Discrete, Latent as Latent, Single as Single
from .ladder import Ladder as Ladder
