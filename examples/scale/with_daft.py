"""log p(x) of rows with Daft: pip install vaekit daft."""

import daft
import pyarrow as pa

from vaekit import Scorer

scorer = Scorer("runs/table", "score", {"draws": 8})
names = ("size", "weight", "count", "kind")


@daft.func.batch(return_dtype=daft.DataType.float64())
def log_p(*columns: daft.Series):
    """Return log p(x) of rows, given as columns."""
    given = {name: column.to_arrow() for name, column in zip(names, columns, strict=True)}
    return scorer(pa.table(given))["log_p"].combine_chunks()


frame = daft.read_parquet("data/*.parquet")
frame.select("id", log_p(*map(daft.col, names)).alias("log_p")).write_parquet("out/daft")
