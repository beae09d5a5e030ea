from .loading import PRETRAINED as PRETRAINED, find_run as find_run
