from .arrays import ArrayDomain as ArrayDomain
from .base import Domain as Domain
from .likelihoods import likelihood_names as likelihood_names
from .likelihoods import make_likelihood as make_likelihood
from .choice import infer_and_read as infer_and_read
from .choice import infer_domain as infer_domain
from .context import Context as Context
from .sources import read_pieces as read_pieces, read_source as read_source
from .checks import is_frame as is_frame
from .context import Labels as Labels
from .hooks import ReadOptions as ReadOptions
from .hooks import SampleOptions as SampleOptions
from .checks import for_trees as for_trees
