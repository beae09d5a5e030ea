from .loading import PRETRAINED as PRETRAINED, locate_run as locate_run
from .loading import load as load, load_model as load_model
from .loading import pinned_run as pinned_run, run_name as run_name
from .runs import check_destination as check_destination, is_finished as is_finished
from .runs import versions as versions
from .runs import write_run as write_run
