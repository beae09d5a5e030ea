"""log p(x) of rows as a function of SQL, with DuckDB: pip install vaekit duckdb."""

from pathlib import Path

import duckdb
import pyarrow as pa

from vaekit import Scorer

scorer = Scorer("runs/table", "score", {"draws": 8})


def log_p(size, weight, count, kind):
    """Return log p(x) of rows, given as columns."""
    table = pa.table({"size": size, "weight": weight, "count": count, "kind": kind})
    return scorer(table)["log_p"]


kinds = ["DOUBLE", "DOUBLE", "BIGINT", "VARCHAR"]
duckdb.create_function("log_p", log_p, kinds, "DOUBLE", type="arrow")
Path("out").mkdir(exist_ok=True)
duckdb.sql("""
    copy (select id, log_p(size, weight, count, kind) as log_p from 'data/*.parquet')
    to 'out/duckdb.parquet'
""")
