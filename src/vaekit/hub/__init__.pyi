from .push import CardOptions as CardOptions, model_card as model_card
from .push import PushedRun as PushedRun, published as published, push as push
from .push import Shareable as Shareable
