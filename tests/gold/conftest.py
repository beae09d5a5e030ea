"""Only the tests are collected: modules that declare cases must not be imported twice."""

collect_ignore_glob = ["*_cases.py", "cases.py", "[dfmrs]*.py", "table.py"]
