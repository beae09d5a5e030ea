"""Measured results as data, and the pages that are made of them.

    python benchmarks/results.py --check
    python benchmarks/results.py --pages docs/results

The data are the files results/TOPIC.json beside this one: lists of records, each a figure with its
target, its peer, the command that prints it, date and machine. results/schema.json says what a
record holds, results/topics.json the title and the first paragraph of each page. --check compares
the files with both; --pages writes a page for each topic and an index.

A benchmark writes its own records, if it is given --results FILE:

    results.add_option(parser)
    options = parser.parse_args()
    with results.recording("tables", options.results):
        main(options)  # calls results.keep("Adult", {"shape error, %": 1.3}) where it prints

FILE may exist: figures of the same topic, part, subject and name are replaced, others are kept.
"""

import argparse
import contextlib
import contextvars
import datetime
import json
import numbers
import os
import platform
import re
import shlex
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parent / "results"
FIELDS = (
    *("topic", "part", "subject", "figure", "value", "spread", "seeds", "target", "met"),
    *("peer", "peer_value", "command", "date", "machine", "note"),
)
KEY = ("topic", "part", "subject", "figure")
TYPES = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
    "null": type(None),
}
NOTICE = "<!-- Made by `python benchmarks/results.py --pages docs/results`; do not edit. -->"
_current = contextvars.ContextVar("records that a benchmark keeps", default=None)
_part = contextvars.ContextVar("the part that they belong to, unless they say so", default=None)


# A benchmark's side.


def add_option(parser):
    """Give a benchmark's parser the option --results."""
    parser.add_argument("--results", type=Path, metavar="FILE", help="write the figures as data")


@contextlib.contextmanager
def recording(topic, path):
    """Collect what `keep` is given, and write it to the path at the end, even of a failed run."""
    kept = []
    token = _current.set((topic, kept))
    try:
        yield kept
    finally:
        _current.reset(token)
        if path is not None and kept:
            write(path, kept)


@contextlib.contextmanager
def part(name):
    """The part of all that is kept meanwhile, unless it names another."""
    token = _part.set(name)
    try:
        yield
    finally:
        _part.reset(token)


def keep(subject, figures, *, spreads=None, targets=None, peer=None, peer_figures=None, **fields):
    """Record the printed figures of one subject; does nothing outside of `recording`.

    Args:
        subject: what was measured: a model, a method, a setting.
        figures: name of a figure to its value.
        spreads: name of a figure to its spread: text, or the values that it spans.
        targets: name of a figure to (target, whether it is met).
        peer: the other software, if the figures stand beside another's.
        peer_figures: name of a figure to the peer's value.
        fields: other fields of all these records, such as part, seeds, note.
    """
    if _current.get() is None:
        return
    topic, kept = _current.get()
    for figure, value in figures.items():
        target, met = (targets or {}).get(figure, (None, None))
        spread = (spreads or {}).get(figure)
        beside = (peer_figures or {}).get(figure)
        kept.append(
            record(
                topic=topic,
                subject=subject,
                figure=figure,
                value=value,
                spread=spread if spread is None or isinstance(spread, str) else span(spread),
                target=target,
                met=met,
                peer=peer if beside is not None else None,
                peer_value=beside,
                **{"part": _part.get(), **here(), **fields},
            )
        )


def record(**fields):
    """One record with all its fields, the absent ones null, numbers as JSON has them."""
    unknown = sorted(set(fields) - set(FIELDS))
    if unknown:
        raise TypeError(f"a record has no {', '.join(unknown)}; it has {', '.join(FIELDS)}")
    return {name: plain(fields.get(name)) for name in FIELDS}


def plain(value):
    """Numbers of NumPy and PyTorch as Python's, to six digits; sequences as lists."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    value = float(f"{float(value):.6g}")
    return value if value == value and abs(value) != float("inf") else str(value)  # not in JSON


def span(values):
    """The least and the most of some values, as text."""
    return f"{shown(plain(min(values)))} - {shown(plain(max(values)))}"


def command():
    """The command line as anybody can repeat it: without --results, folders by their names."""
    words, kept = iter(sys.argv[1:]), []
    for word in words:
        if word == "--results":
            next(words, None)
        elif not word.startswith("--results="):
            kept.append(Path(word).name if Path(word).is_absolute() else word)
    return shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *kept])


def here():
    """Command, date (of UTC) and machine."""
    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    return {"command": command(), "date": date, "machine": machine()}


def machine():
    """Processor, number of its cores, versions."""
    import torch

    card = torch.cuda.get_device_name() if torch.cuda.is_available() else "no graphics card"
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPU cores, "
        f"{torch.get_num_threads()} threads, {card}, Python {platform.python_version()}, "
        f"torch {torch.__version__}"
    )


# The files.


def read(path):
    """The records of a file."""
    return json.loads(Path(path).read_text("utf-8"))


def write(path, records):
    """Add records to a file, in place of those of the same key; whole or not at all."""
    path = Path(path)
    found = {key_of(r): r for r in [*(read(path) if path.exists() else []), *records]}
    check(list(found.values()), path.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", newline="\n", dir=path.parent, suffix=".part", delete=False
    ) as file:
        file.write(text_of(found.values()))
    Path(file.name).replace(path)


def text_of(records):
    """JSON with a record on each line, sorted, so that versions are easily compared."""
    lines = [json.dumps(r, ensure_ascii=False) for r in sorted(records, key=place_of)]
    return "[\n" + ",\n".join(lines) + "\n]\n"


def key_of(found):
    """What makes a record one of its own."""
    return tuple(found[name] for name in KEY)


def place_of(found):
    """Where it is sorted: by its key, numbers in it by their size."""
    parts = (re.split(r"(\d+)", found[name] or "") for name in KEY)
    return [[int(p) if p.isdigit() else p.casefold() for p in words] for words in parts]


def check(records, name):
    """Raise unless the records satisfy the schema and have keys of their own."""
    schema = json.loads((FOLDER / "schema.json").read_text("utf-8"))
    faults = faults_of(records, schema, name)
    keys = [key_of(r) for r in records] if not faults else []
    faults += [f"{name}: twice {key}" for key in sorted(set(keys), key=str) if keys.count(key) > 1]
    if faults:
        raise ValueError("\n".join(faults))


def faults_of(value, schema, where):
    """Where a value breaks a schema; the keywords that results/schema.json uses."""
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    fits = any(
        isinstance(value, TYPES[k]) and (k == "boolean" or not isinstance(value, bool))
        for k in kinds
    )
    if not fits:
        return [f"{where}: {value!r} is not {' or '.join(kinds)}"]
    faults = []
    if isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
        faults.append(f"{where}: {value!r} does not match {schema['pattern']}")
    if isinstance(value, list):
        for place, item in enumerate(value):
            faults += faults_of(item, schema["items"], f"{where}[{place}]")
    if isinstance(value, dict):
        known = schema["properties"]
        faults += [f"{where}: no {n}" for n in schema["required"] if n not in value]
        faults += [f"{where}: unknown {n}" for n in value if n not in known]
        for n in set(value) & set(known):
            faults += faults_of(value[n], known[n], f"{where}.{n}")
    return faults


def topics():
    """Title and first paragraph of each topic, in the order of the index."""
    return json.loads((FOLDER / "topics.json").read_text("utf-8"))


def all_records():
    """The records of each topic, checked."""
    found = {}
    for topic in topics():
        found[topic] = read(FOLDER / f"{topic}.json")
        check(found[topic], topic)
    return found


# The pages.


def shown(value):
    """A value as a reader wants it."""
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(shown(item) for item in value)
    if isinstance(value, int) and abs(value) >= 10_000:
        return f"{value:,}"
    return str(value).replace("|", "\\|")


def with_spread(found):
    """Value and spread of a record."""
    spread = found["spread"]
    if spread is None:
        return shown(found["value"])
    return f"{shown(found['value'])} {spread if spread.startswith('±') else f'({spread})'}"


def lines_of(header, rows):
    """A Markdown table."""
    return [
        "| " + " | ".join(header) + " |",
        "|---" * len(header) + "|",
        *("| " + " | ".join(row) + " |" for row in rows),
        "",
    ]


def name_of(found):
    """Part, subject and figure in one."""
    return ": ".join(found[n] for n in ("part", "subject", "figure") if found[n])


def answer(met):
    """Whether a target is met, in a word."""
    return {True: "yes", False: "**no**", None: ""}[met]


def page(topic, records, archived):
    """The page of a topic."""
    about = topics()[topic]
    lines = [NOTICE, "", f"# {about['title']}", "", about["lead"], ""]
    if archived:
        lines += [f"[What was tried and what was learnt](archive/{topic}.md).", ""]
    runs = {}
    for found in records:
        run = tuple(found[n] for n in ("command", "date", "machine"))
        runs.setdefault(run, len(runs) + 1)
    asked = [r for r in records if r["target"] is not None or r["peer_value"] is not None]
    if asked:
        rows = [
            [
                name_of(r),
                with_spread(r),
                shown(r["target"]),
                answer(r["met"]),
                ": ".join(p for p in (r["peer"], shown(r["peer_value"])) if p),
                f"[{runs[r['command'], r['date'], r['machine']]}](#commands)",
                shown(r["date"]),
            ]
            for r in asked
        ]
        header = ["figure", "value", "target", "met", "peer", "command", "date"]
        lines += ["## Targets and peers", "", *lines_of(header, rows)]
    for name in dict.fromkeys(r["part"] for r in records):
        lines += [f"## {name or 'All figures'}", ""]
        lines += tables([r for r in records if r["part"] == name], runs)
    lines += ["## Commands", ""]
    for (line, date, host), number in runs.items():
        said = f"`{line}`" if line else "no command was kept"
        details = "; ".join(d for d in (date, host) if d)
        lines.append(f"{number}. {said}" + (f" ({details})" if details else ""))
    return "\n".join(lines).rstrip() + "\n"


def tables(records, runs):
    """Subjects as rows, figures as columns, for each run; then the notes."""
    lines = []
    for run in dict.fromkeys((r["command"], r["date"], r["machine"]) for r in records):
        chosen = [r for r in records if (r["command"], r["date"], r["machine"]) == run]
        cells = {(r["subject"], r["figure"]): with_spread(r) for r in chosen}
        figures = list(dict.fromkeys(r["figure"] for r in chosen))
        subjects = list(dict.fromkeys(r["subject"] for r in chosen))
        day = f", {run[1]}" if run[1] else ""
        lines += [f"Command [{runs[run]}](#commands){day}.", ""]
        if len(subjects) == 1 and len(figures) > 4:
            header = ["figure", subjects[0] or "value"]
            rows = [[f, cells[subjects[0], f]] for f in figures]
        else:
            header = ["", *figures]
            rows = [[s or "", *(cells.get((s, f), "") for f in figures)] for s in subjects]
        lines += lines_of(header, rows)
    notes = dict.fromkeys(r["note"] for r in records if r["note"])
    return [*lines, *(line for note in notes for line in (note, ""))]


def index(found):
    """The first page: all topics, with the number of their targets that are met."""
    rows = []
    for topic, about in topics().items():
        asked = [r for r in found[topic] if r["met"] is not None]
        met = sum(r["met"] for r in asked)
        dates = sorted({r["date"] for r in found[topic] if r["date"]})
        rows.append(
            [
                f"[{about['title']}]({topic}.md)",
                str(len(found[topic])),
                f"{met} of {len(asked)}" if asked else "",
                dates[-1] if dates else "",
            ]
        )
    return "\n".join(
        [
            NOTICE,
            "",
            "# Measured results",
            "",
            "Each figure stands with the command that prints it, its date, and what was asked for "
            "or what others reach, where that is known. The data are in `benchmarks/results/`, one "
            "file for each topic; a benchmark writes them with `--results FILE`. What was tried "
            "and rejected, with its figures, is in the archive.",
            "",
            *lines_of(["topic", "figures", "targets met", "last measured"], rows),
        ]
    )


def pages(folder):
    """Every page that the data make: its path and its text."""
    found = all_records()
    made = {Path(folder) / "index.md": index(found)}
    for topic, records in found.items():
        archived = (Path(folder) / "archive" / f"{topic}.md").exists()
        made[Path(folder) / f"{topic}.md"] = page(topic, records, archived)
    return made


def main(options):
    """Check the data; write the pages."""
    found = all_records()
    print(f"{sum(map(len, found.values()))} records of {len(found)} topics are sound")
    if options.pages:
        for path, text in pages(options.pages).items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8", newline="\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="only check the data")
    parser.add_argument("--pages", metavar="FOLDER", help="write the pages there")
    main(parser.parse_args())
