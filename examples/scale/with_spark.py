"""Latents of a data set with Spark: pip install vaekit pyspark."""

from pathlib import Path

import pyarrow as pa
from pyspark.sql import SparkSession
from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema

from vaekit import Scorer

scorer = Scorer(Path("runs/table").absolute(), "encode", keep=["id"])


def encode(batches):
    """Yield the latents of rows."""
    for batch in batches:
        yield from scorer(pa.Table.from_batches([batch])).to_batches()


frame = SparkSession.builder.getOrCreate().read.parquet("data")
schema = from_arrow_schema(scorer.schema(to_arrow_schema(frame.schema)))
frame.mapInArrow(encode, schema).write.parquet("out/spark")
