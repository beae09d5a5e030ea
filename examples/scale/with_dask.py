"""Latents of a data set with Dask: pip install vaekit "dask[dataframe]"."""

import dask.dataframe as dd
import pyarrow as pa

from vaekit import Scorer

scorer = Scorer("runs/table", "encode", keep=["id"])


def encode(frame):
    """Return the latents of rows."""
    return scorer(pa.Table.from_pandas(frame, preserve_index=False)).to_pandas()


frame = dd.read_parquet("data/*.parquet")
frame.map_partitions(encode, meta=encode(frame._meta)).to_parquet("out/dask")
