"""Data that come a piece at a time train as those in memory do."""

import io
import itertools
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from vaekit import Autoencoder, stream
from vaekit.anomalies import VAEDetector
from vaekit.datasets import digits, penguins
from vaekit.domains import ArrayDomain
from vaekit.errors import DataError, SaveError, SpecError
from vaekit.images import ImageDomain
from vaekit.images.folders import ImageReader
from vaekit.sequences import SequenceDomain
from vaekit.streams import is_stream
from vaekit.tables import TableDomain
from vaekit.tables.constraints import Inequality, Unique
from vaekit.tables.learning import TableLearner

BRIEF = {"max_epochs": 1, "progress": False}


def shards(folder, frame, rows=60, write="to_parquet"):
    for number, start in enumerate(range(0, len(frame), rows)):
        part = frame.iloc[start : start + rows]
        path = folder / f"{number:03}.{'csv' if write == 'to_csv' else 'parquet'}"
        part.to_csv(path, index=False) if write == "to_csv" else part.to_parquet(path)
    return folder


def learned_in_pieces(domain, data, pieces=7, **options):
    """Return what two learners make of alternate pieces, merged."""
    make = domain.learner if not options else lambda: TableLearner(domain, **options)
    one, other = make(), make()
    bounds = np.linspace(0, len(data), pieces + 1).astype(int)
    for number, (start, stop) in enumerate(itertools.pairwise(bounds)):
        piece = data.iloc[start:stop] if hasattr(data, "iloc") else data[start:stop]
        (one if number % 2 else other).update(piece)
    other.merge(one)
    return other.learned()


def mixed_table(rows=900):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "number": rng.normal(size=rows),
            "whole": rng.integers(0, 500, rows),
            "share": rng.choice([0.0, 0.5, 1.0], rows, p=[0.6, 0.3, 0.1]),
            "few": rng.integers(0, 6, rows),
            "label": rng.choice(list("abc"), rows),
            "flag": rng.random(rows) < 0.3,
            "day": pd.to_datetime("2021-01-01") + pd.to_timedelta(rng.integers(0, 800, rows), "D"),
            "level": pd.Categorical(rng.choice(["low", "high"], rows), ["low", "high"], True),
            "same": "x",
            "id": np.arange(rows) + 17,
            "key": [f"A-{i:04}" for i in range(rows)],
        }
    )
    frame.loc[rng.random(rows) < 0.1, "number"] = np.nan
    frame.loc[rng.random(rows) < 0.1, "label"] = None
    return frame


def test_schema_of_pieces_is_that_of_the_table():
    frame = mixed_table()
    whole = TableDomain().fit(frame)
    assert learned_in_pieces(TableDomain(), frame) == whole
    assert {c.kind for c in whole.columns} >= {"number", "category", "datetime", "key", "constant"}


@pytest.mark.parametrize(
    "options",
    [{"scale": "standard"}, {"missing": "unobserved"}, {"unseen": "missing"},
     {"kinds": {"few": "category", "key": "text", "whole": "category"}}],
    ids=str,
)  # fmt: skip
def test_options_of_tables_hold_in_pieces(options):
    frame = mixed_table()
    domain = TableDomain(**options)
    found, whole = learned_in_pieces(domain, frame), domain.fit(frame)
    for column, other in zip(found.columns, whole.columns, strict=True):
        assert column.kind == other.kind
        assert column.summary == other.summary
    a, b = found.prepare(frame), whole.prepare(frame)
    torch.testing.assert_close(a, b, equal_nan=True, rtol=1e-5, atol=1e-5)


def test_schema_does_not_depend_on_how_the_table_is_cut():
    frame = mixed_table()
    found = [learned_in_pieces(TableDomain(), frame, n, exact_values=100) for n in (2, 2, 9)]
    assert found[0] == found[1]
    assert [c.kind for c in found[0].columns] == [c.kind for c in found[2].columns]


def test_sketched_ranks_are_within_the_stated_error():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"x": rng.lognormal(size=200_000), "y": rng.normal(size=200_000)})
    learner = TableLearner(TableDomain(), exact_values=1000)
    for start in range(0, len(frame), 20_000):
        learner.update(frame.iloc[start : start + 20_000])
    assert 0 < learner.rank_error < 2e-3
    for column in learner.learned().columns:
        values = np.asarray(column.scale.values)
        ranks = np.searchsorted(np.sort(frame[column.name]), values) / len(frame)
        # each knot stands in the middle of what the sketch moved together
        assert np.abs(column.scale.middles - ranks).max() <= learner.rank_error + 2e-3


def test_frequent_values_are_found_among_many():
    rng = np.random.default_rng(2)
    values = np.where(rng.random(50_000) < 0.2, 7.0, rng.normal(size=50_000))
    frame = pd.DataFrame({"x": values, "y": rng.normal(size=50_000)})
    found = learned_in_pieces(TableDomain(), frame, exact_values=2000)
    assert found.columns[0].masses == (7.0,)
    assert found.columns[1].masses == ()


def test_columns_that_change_their_kind_are_named():
    learner = TableDomain().learner()
    learner.update(pd.DataFrame({"a": [1.0, 2.0], "b": [1, 2]}))
    with pytest.raises(DataError, match="'a' must hold values of one kind.*numbers.*text"):
        learner.update(pd.DataFrame({"a": ["x", "y"], "b": [1, 2]}))


def test_other_columns_are_named():
    learner = TableDomain().learner()
    learner.update(pd.DataFrame({"a": [1.0, 2.0], "b": [1, 2]}))
    with pytest.raises(DataError, match=r"lacks \['b'\] and has besides \['c'\]"):
        learner.update(pd.DataFrame({"a": [1.0], "c": [1]}))


def test_types_join_as_if_read_at_once():
    learner = TableDomain().learner()
    learner.update(pd.DataFrame({"a": [1, 2] * 15, "b": [1.5, 2.0] * 15}))
    learner.update(pd.DataFrame({"a": [None, 3.5] * 15, "b": [1.0, 2.0] * 15}))
    learner.update(pd.DataFrame({"a": [None, None], "b": [1.0, 2.0]}))
    column = learner.learned().columns[0]
    assert (column.dtype, column.has_missing) == ("float64", True)


def test_rules_of_streams():
    frame = pd.DataFrame({"a": np.arange(90.0), "b": np.arange(90.0) + np.random.rand(90)})
    found = learned_in_pieces(TableDomain(constraints=[Inequality("a", "b")]), frame)
    assert (found.decode(found.encode(found.prepare(frame))).eval("b - a") >= 0).all()
    with pytest.raises(SpecError, match="Unique looks at all rows"):
        TableDomain(constraints=[Unique(("a",))]).learner()


@pytest.mark.parametrize("options", [{}, {"scaling": "range"}, {"standardize": False}], ids=str)
def test_scaling_of_pieces_is_that_of_the_array(options):
    array = np.random.default_rng(0).normal(3, 2, size=(501, 4)).astype("float32")
    array[:, 2] = 5
    found, whole = (
        learned_in_pieces(ArrayDomain(**options), array),
        ArrayDomain(**options).fit(array),
    )
    np.testing.assert_allclose(found.mean, whole.mean, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found.scale, whole.scale, rtol=1e-6)
    assert (found.low, found.high, found.dtype) == (whole.low, whole.high, whole.dtype)


def test_images_and_sequences_of_pieces():
    images = digits().images[:60]
    assert learned_in_pieces(ImageDomain(), images) == ImageDomain().fit(images)
    texts = ["ACGT", "AAC", "GATTACA", "C", "TT", "AC", "GG"] * 3
    assert learned_in_pieces(SequenceDomain(), texts, 3) == SequenceDomain().fit(texts)


def test_domains_that_do_not_stream_say_so():
    with pytest.raises(DataError, match="must be tables, arrays, images, sequences or mol"):
        Autoencoder(domain="series", **BRIEF).fit(stream([[1.0, 2.0], [2.0, 3.0]]))


def test_folder_of_tables_fits_and_samples(tmp_path):
    frame = penguins()
    model = Autoencoder(latent_dim=3, **BRIEF).fit(shards(tmp_path, frame))
    assert model.domain_ == TableDomain().fit(frame)
    assert list(model.sample(5, seed=0).columns) == list(frame.columns)


def test_csv_shards_are_read_alike(tmp_path):
    frame = penguins()
    model = Autoencoder(**BRIEF).fit(str(shards(tmp_path, frame, write="to_csv") / "*.csv"))
    assert [c.kind for c in model.domain_.columns] == [
        c.kind for c in TableDomain().fit(frame).columns
    ]


def test_arrow_npy_and_memory_maps_are_one_stream(tmp_path):
    rows = np.random.default_rng(0).normal(size=(500, 4)).astype("float32")
    np.save(tmp_path / "x.npy", rows)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    parts = tmp_path / "parts"
    parts.mkdir()
    for number in range(2):
        np.save(parts / f"{number}.npy", rows[number * 250 : number * 250 + 250])
    ends = [
        Autoencoder(latent_dim=2, **BRIEF).fit(source).history_[-1]
        for source in (stream(mapped), stream(tmp_path / "x.npy"), parts)
    ]
    assert ends[0] == ends[1] == ends[2]
    feather = pd.DataFrame(rows, columns=list("abcd"))
    feather.to_feather(tmp_path / "x.feather")
    last = Autoencoder(latent_dim=2, **BRIEF).fit(stream(tmp_path / "x.feather")).history_[-1]
    assert last["loss"] == pytest.approx(ends[0]["loss"], rel=1e-5)


class Yielding(torch.utils.data.IterableDataset):
    def __init__(self, items):
        self.items = items

    def __iter__(self):
        yield from self.items


def test_data_sets_of_torch_stream_and_records_become_rows():
    rows = np.random.default_rng(0).normal(size=(300, 4)).astype("float32")
    found = Autoencoder(latent_dim=2, **BRIEF).fit(Yielding(list(torch.from_numpy(rows))))
    again = Autoencoder(latent_dim=2, **BRIEF).fit(stream(rows))
    assert found.history_ == again.history_
    records = penguins().to_dict("records")
    model = Autoencoder(latent_dim=2, **BRIEF).fit(stream(records, context="species"))
    assert set(model.sample(3, context="Gentoo", seed=0).columns) == set(records[0]) - {"species"}


def png(image):
    file = io.BytesIO()
    Image.fromarray(np.kron(image.astype("uint8"), np.ones((2, 2), "uint8"))).save(file, "PNG")
    return file.getvalue()


def archive(path, items):
    with tarfile.open(path, "w") as tar:
        for name, content in items:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def test_archives_give_pictures_with_labels_and_captions(tmp_path):
    known = digits()
    for part in range(2):
        items = []
        for place in range(part * 60, part * 60 + 60):
            items += [
                (f"{place:05}.png", png(known.images[place] * 255)),
                (f"{place:05}.cls", str(known.labels[place]).encode()),
                (f"{place:05}.txt", f"the number {known.labels[place]}".encode()),
                (f"{place:05}.json", json.dumps({"n": int(known.labels[place])}).encode()),
            ]
        archive(tmp_path / f"{part}.tar", items)
    model = Autoencoder(**BRIEF).fit(stream(f"{tmp_path}/*.tar", context="cls"))
    assert model.context_.classes == tuple(range(10))
    assert model.sample(2, context=[1, 2], seed=0).shape == (2, 16, 16)
    same = Autoencoder(**BRIEF).fit(stream(tmp_path, context="json:n"))
    assert same.history_ == model.history_
    told = Autoencoder(text="learned", **BRIEF).fit(stream(tmp_path, context="txt"))
    assert told.sample(1, context="the number 3", seed=0).shape == (1, 16, 16)
    with pytest.raises(DataError, match=r"each item must have a file \.jpg"):
        Autoencoder(**BRIEF).fit(stream(tmp_path, context="jpg"))


def test_folder_of_pictures_streams_with_given_context(tmp_path):
    known = digits()
    for place in range(40):
        (tmp_path / f"{place:03}.png").write_bytes(png(known.images[place] * 255))
    colored = np.zeros((16, 16, 3), np.uint8)
    Image.fromarray(colored).save(tmp_path / "999.png")
    labels = [*known.labels[:40].tolist(), 0]
    model = Autoencoder(**BRIEF).fit(stream(tmp_path, rows=15), context=labels)
    assert model.domain_.shape == (3, 16, 16)  # one picture has colours, so all have
    (tmp_path / "500.png").write_bytes(b"none")
    with pytest.raises(DataError, match=r"500\.png is not"):
        Autoencoder(**BRIEF).fit(stream(tmp_path))


def test_pictures_are_decoded_once(tmp_path, monkeypatch):
    for place, image in enumerate(digits().images[:30]):
        below = tmp_path / "pictures"
        below.mkdir(exist_ok=True)
        (below / f"{place:03}.png").write_bytes(png(image * 255))
    read, known = [], ImageReader.__call__

    def counted(self, path, file):
        read.append(path.name)
        return known(self, path, file)

    monkeypatch.setattr(ImageReader, "__call__", counted)
    source = stream(tmp_path / "pictures", rows=8, cache=tmp_path / "cache")
    Autoencoder(domain="images", **BRIEF).fit(source)
    assert sorted(read) == [f"{place:03}.png" for place in range(30)]
    in_all = sum(path.stat().st_size for path in (tmp_path / "cache").iterdir())
    assert in_all < 1.5 * 30 * 16 * 16 + 4096  # rows and schema, no pictures

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vaekit.streams.files.np.save", full)
    with pytest.raises(SaveError, match="decoded items must fit on the disk.*No space left"):
        Autoencoder(domain="images", **BRIEF).fit(stream(tmp_path / "pictures"))


def test_tables_and_texts_beside_pictures_describe_them(tmp_path):
    for place, image in enumerate(digits().images[:30]):
        below = tmp_path / ("train" if place % 2 else "more")
        below.mkdir(exist_ok=True)
        (below / f"x{place:03}.png").write_bytes(png(image * 255))
        (below / f"x{place:03}.txt").write_text("a digit")
    (tmp_path / "a.csv").write_text("file_name,text\n")
    assert not is_stream(tmp_path)  # a table stands first, and yet they are pictures
    assert is_stream(tmp_path) == is_stream(tmp_path / "train")
    model = Autoencoder(**BRIEF).fit(stream(tmp_path))
    assert model.domain_.shape == (1, 16, 16)


def test_what_spark_leaves_is_no_item(tmp_path):
    shards(tmp_path, penguins())
    (tmp_path / "_SUCCESS").write_text("")
    (tmp_path / "_temporary").mkdir()
    (tmp_path / "_temporary" / "half.parquet").write_bytes(b"half")
    assert is_stream(tmp_path)
    assert Autoencoder(**BRIEF).fit(tmp_path).domain_.num_rows == len(penguins())


def test_damaged_archives_are_named(tmp_path):
    broken = tmp_path / "a.tar"
    broken.write_bytes(b"no archive at all" * 100)
    with pytest.raises(DataError, match=r"a\.tar must be a readable archive"):
        Autoencoder(**BRIEF).fit(stream(broken))
    two = archive(tmp_path / "b.tar", [("1.png", b"x"), ("1.jpg", b"y")])
    with pytest.raises(DataError, match="one picture"):
        Autoencoder(**BRIEF).fit(stream(two))


def test_addresses_are_fetched(tmp_path):
    shards(tmp_path, penguins(), 200)
    here = Autoencoder(**BRIEF).fit(tmp_path)
    there = Autoencoder(**BRIEF).fit(f"file://{tmp_path}/*.parquet")
    assert here.history_ == there.history_
    with pytest.raises(DataError, match="can be fetched"):
        Autoencoder(domain="table", **BRIEF).fit(f"file://{tmp_path}/none.parquet")


def test_kept_rows_are_found_again_and_made_anew_for_other_data(tmp_path):
    folder, cache = tmp_path / "data", tmp_path / "cache"
    folder.mkdir()
    shards(folder, penguins())
    first = Autoencoder(**BRIEF).fit(stream(folder, cache=cache))
    stamp = (cache / "training.rows").stat().st_mtime_ns
    again = Autoencoder(**BRIEF).fit(stream(folder, cache=cache))
    assert (cache / "training.rows").stat().st_mtime_ns == stamp
    assert first.history_ == again.history_
    penguins().iloc[:50].to_parquet(folder / "999.parquet")
    Autoencoder(**BRIEF).fit(stream(folder, cache=cache))
    assert (cache / "training.rows").stat().st_mtime_ns != stamp


def test_the_same_row_is_held_out_wherever_it_stands():
    rows = np.random.default_rng(0).normal(size=(400, 3)).astype("float32")
    from vaekit.training.streamed import hashes_of

    order = np.random.default_rng(1).permutation(400)
    assert (hashes_of(rows)[order] == hashes_of(rows[order])).all()
    assert len(np.unique(hashes_of(rows))) == 400
    share = (hashes_of(np.random.default_rng(2).normal(size=(20_000, 3))) < 2**32 // 10).mean()
    assert 0.09 < share < 0.11


def test_what_streams_by_itself(tmp_path):
    assert not is_stream("digits")
    assert not is_stream(np.zeros((3, 2)))
    assert not is_stream([[1.0]])
    assert is_stream("s3://bucket/a.parquet")
    assert is_stream(str(tmp_path / "*.csv"))
    assert not is_stream(tmp_path)  # an empty folder is said to be one of images
    assert is_stream(shards(tmp_path, penguins()))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: stream(p / "none.csv"), "there is nothing at"),
        (lambda p: stream(f"{p}/*.csv"), "matches none"),
        (lambda p: stream(iter([1])), "used up after once"),
        (lambda p: stream(3), "must yield items"),
        (lambda p: stream(p), "must be files of tables"),
    ],
    ids=range(5),
)
def test_what_cannot_stream(make, words, tmp_path):
    with pytest.raises(DataError, match=words):
        make(tmp_path)


def test_wrong_options():
    with pytest.raises(SpecError, match="rows must be at least 1"):
        stream([1], rows=0)
    with pytest.raises(SpecError, match="stream must not be made of a stream"):
        stream(stream([1]))
    with pytest.raises(SpecError, match="have no weights"):
        Autoencoder(**BRIEF).fit(stream(np.ones((20, 3))), sample_weight=np.ones(20))


@pytest.mark.parametrize("whole", [lambda p: p, stream], ids=["folder", "stream"])
def test_what_reads_at_once_says_what_to_pass(whole, tmp_path):
    source = whole(shards(tmp_path, penguins()))
    model = Autoencoder(**BRIEF).fit(tmp_path)
    for call in (model.transform, VAEDetector(**BRIEF).fit):
        with pytest.raises(DataError, match=r"Autoencoder\.fit.*--out FOLDER/"):
            call(source)


class Changing:
    def __init__(self):
        self.times = 0

    def __iter__(self):
        self.times += 1
        yield from np.random.default_rng(0).normal(size=(100 + self.times, 3))


def test_items_that_change_are_found():
    with pytest.raises(DataError, match="same items each time; got 101 the first"):
        Autoencoder(domain="arrays", **BRIEF).fit(stream(Changing()))


RESUMED = """
import sys
import numpy as np
from vaekit import Autoencoder, stream
model = Autoencoder(latent_dim=2, max_epochs=40, progress=False, checkpoint_dir=sys.argv[2],
                    checkpoint_seconds=0.0, resume=True).fit(stream(sys.argv[1]))
model.save(sys.argv[2] + "-done")
"""


@pytest.mark.slow
def test_a_killed_training_goes_on_to_the_same_bytes(tmp_path):
    rows = np.random.default_rng(0).normal(size=(3000, 4))
    np.save(tmp_path / "x.npy", rows)

    def start(run):
        command = [sys.executable, "-c", RESUMED, str(tmp_path / "x.npy"), str(tmp_path / run)]
        return subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"})

    assert start("whole").wait() == 0
    killed = start("killed")
    checkpoint = tmp_path / "killed" / "checkpoint.safetensors"
    while not checkpoint.exists() and killed.poll() is None:
        time.sleep(0.05)
    time.sleep(0.5)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    assert start("killed").wait() == 0
    weights = [
        Path(tmp_path, f"{run}-done", "model.safetensors").read_bytes()
        for run in ("whole", "killed")
    ]
    assert weights[0] == weights[1]
