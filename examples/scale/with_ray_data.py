"""Latents of a data set with Ray Data: pip install "vaekit[ray]" "ray[data]"."""

import ray

from vaekit import Scorer

scorer = Scorer("runs/table", "encode", keep=["id"])
rows = ray.data.read_parquet("data", include_paths=False)
found = rows.map_batches(lambda table: scorer(table), batch_format="pyarrow")  # noqa: PLW0108
found.write_parquet("out/ray")
