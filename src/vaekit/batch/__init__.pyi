from .data_set import Summary as Summary, process_data_set as process_data_set
from .scorer import TASKS as TASKS, Scorer as Scorer
from .shards import Shard as Shard, find_shards as find_shards, plan_samples as plan_samples
