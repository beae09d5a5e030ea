#!/bin/sh
# An array of eight jobs, each with an eighth of the shards: sbatch slurm.sh
# A job that is started again (--requeue) skips the shards that it finished before.
#SBATCH --array=1-8
#SBATCH --cpus-per-task=4
#SBATCH --requeue
vaekit score runs/table data/ --out scores/ --keep id \
  --shard "$SLURM_ARRAY_TASK_ID/8" --processes "$SLURM_CPUS_PER_TASK"
