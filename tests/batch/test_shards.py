"""Which files are shards, what they are called, and how they are read."""

import resource
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vaekit import load
from vaekit.batch.shards import choose_shards, find_shards, plan_samples, read_slices
from vaekit.datasets import digits
from vaekit.errors import DataError, SpecError
from vaekit.images import encode_image

from .conftest import as_table, make_frame


def write_images(images, folder):
    folder.mkdir(parents=True)
    for n, image in enumerate(images):
        (folder / f"{n}.png").write_bytes(encode_image(image))


def names(source):
    return [shard.name for shard in find_shards(source)]


def write(folder, *files):
    for file in files:
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x,y\n1,2\n3,4\n")


def test_a_folder_is_searched(data):
    assert names(data) == ["deeper/part-0", "part-0", "part-1", "part-2", "part-3"]
    assert [shard.rows for shard in find_shards(data)] == [30, 500, 501, 502, 503]


def test_patterns_and_single_files(data):
    assert names(data / "part-[12].parquet") == ["part-1", "part-2"]
    assert names(data / "**" / "part-0.parquet") == ["deeper/part-0", "part-0"]
    assert names(data / "part-3.parquet") == ["part-3"]


def test_what_writers_leave_beside_is_left_out(tmp_path):
    write(tmp_path, "a.csv", "_SUCCESS", ".a.csv.crc", "_tmp/b.csv", ".git/c.csv", "notes.md")
    assert names(tmp_path) == ["a"]


def test_endings_of_compression_are_no_part_of_the_name(tmp_path):
    write(tmp_path, "a.csv.gz", "b.tsv")
    assert names(tmp_path) == ["a", "b"]


@pytest.mark.parametrize(
    "files", [("a.csv", "a.parquet"), ("A.csv", "a.csv"), ("a.csv", "a.csv.gz")]
)
def test_two_shards_of_one_name(files, tmp_path):
    write(tmp_path, *files)
    with pytest.raises(DataError, match=r"both give [aA]\.parquet. Rename one"):
        find_shards(tmp_path)


def test_nothing_to_do(tmp_path):
    for source, message in (
        (tmp_path, "there is none in"),
        (tmp_path / "gone", "there is nothing at"),
        (tmp_path / "*.csv", "matches no file"),
    ):
        with pytest.raises(DataError, match=message):
            find_shards(source)
    write(tmp_path, "a.csv", "a.docx")
    with pytest.raises(DataError, match=r"matches a\.docx"):
        find_shards(tmp_path / "a.*")


def test_folders_of_images_are_shards(tmp_path, runs):
    images = digits().images
    for n, name in enumerate(("cats", "dogs/old")):
        write_images(images[n : n + 3], tmp_path / name)
    shards = find_shards(tmp_path)
    assert [(s.name, s.rows) for s in shards] == [("cats", 3), ("dogs/old", 3)]
    table = next(read_slices(shards[1], load(runs / "images").domain_, 10))
    assert table.column_names == ["file", "item"]
    assert table["file"].to_pylist() == ["0.png", "1.png", "2.png"]
    np.testing.assert_array_equal(table["item"].combine_chunks().to_numpy_ndarray(), images[1:4])
    write_images(images[:1], tmp_path / "cats" / "inner")
    with pytest.raises(DataError, match="without folders of images in them"):
        find_shards(tmp_path)


def test_parts_are_a_partition(data):
    shards = find_shards(data)
    parts = [choose_shards(shards, f"{n}/3") for n in (1, 2, 3)]
    assert sorted(s.name for part in parts for s in part) == [s.name for s in shards]
    assert sum(map(len, parts)) == 5
    assert choose_shards(shards, "7/9") == []


@pytest.mark.parametrize("part", ["0/3", "4/3", "3", "a/b", "1/0", "-1/3", "1/3/5", "", "/"])
def test_parts_that_are_none(part):
    with pytest.raises(SpecError, match="--shard must be i/n"):
        choose_shards([], part)


def test_samples_are_spread_evenly():
    assert [s.rows for s in plan_samples(10, 3)] == [4, 3, 3]
    with pytest.raises(SpecError, match="--shards"):
        plan_samples(2, 3)


@pytest.mark.parametrize("ending", ["parquet", "feather", "csv", "npy", "npz"])
def test_slices_have_the_rows_in_their_order(ending, tmp_path, runs):
    values = np.random.default_rng(0).normal(size=(250, 3))
    table = pa.table({f"c{n}": column for n, column in enumerate(values.T)})
    path = tmp_path / f"a.{ending}"
    if ending == "parquet":
        pq.write_table(table, path, 33)
    elif ending == "feather":
        pa.feather.write_feather(table, path)
    elif ending == "csv":
        table.to_pandas().to_csv(path, index=False)
    else:
        (np.save if ending == "npy" else np.savez)(path, values)
    slices = list(read_slices(find_shards(path)[0], load(runs / "table").domain_, 100))
    assert [len(part) for part in slices] == [100, 100, 50]
    parts = [part.to_pandas() if isinstance(part, pa.Table) else part for part in slices]
    np.testing.assert_allclose(np.concatenate([np.asarray(p) for p in parts]), values)


def test_a_damaged_file_is_named(tmp_path, runs):
    (tmp_path / "a.parquet").write_bytes(b"PAR1 and no more")
    shard = find_shards(tmp_path)[0]
    with pytest.raises(DataError, match=r"a\.parquet must be a readable"):
        next(read_slices(shard, load(runs / "table").domain_, 10))


_MEASURE = """
import resource, sys
from vaekit.batch import Scorer, find_shards, process_data_set
process_data_set(Scorer(sys.argv[1], "encode"), find_shards(sys.argv[2]), sys.argv[3])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_shard(tmp_path, runs):
    table, peaks = as_table(make_frame(50_000)), []
    for times in (1, 12):
        with pq.ParquetWriter(tmp_path / f"{times}.parquet", table.schema) as writer:
            for _ in range(times):
                writer.write_table(table, 10_000)
        given = [runs / "table", tmp_path / f"{times}.parquet", tmp_path / "out"]
        made = subprocess.run(
            [sys.executable, "-c", _MEASURE, *map(str, given)], check=True, capture_output=True
        )
        peaks.append(int(made.stdout.split()[-1]) / 1024)
    whole = 12 * table.nbytes / 2**20
    assert resource.getpagesize()
    assert peaks[1] - peaks[0] < whole / 2, peaks
