import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from vaekit import files
from vaekit.errors import FormatError, SaveError
from vaekit.files import atomic_folder, atomic_write, heal, read_json, to_json


def full_disk(*args, **kwargs):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def tree(folder):
    """Every file below a folder with its content."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def write_folder(path, **contents):
    with atomic_folder(path) as fresh:
        for name, content in contents.items():
            (fresh / name).write_bytes(content)


def fail_while_writing(path, failure):
    with atomic_folder(path) as fresh:
        (fresh / "a").write_bytes(b"new")
        raise failure


@pytest.fixture
def tiny_disk(tmp_path):
    """A file system of 64 KiB, where this machine lets us mount one."""
    place = tmp_path / "tiny"
    place.mkdir()
    mount = shutil.which("mount")
    command = [str(mount), "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)]
    if mount is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system needs root")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_file_is_written_with_its_parents(tmp_path):
    atomic_write(tmp_path / "a" / "b.bin", b"new")
    assert tree(tmp_path) == {"a/b.bin": b"new"}


def test_a_file_is_replaced(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"a much longer old content")
    atomic_write(path, b"new")
    assert tree(tmp_path) == {"f": b"new"}


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failing_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, step):
    atomic_write(tmp_path / "f", b"old")
    monkeypatch.setattr(files.os, step, full_disk)
    with pytest.raises(SaveError, match=r"No space left.*unchanged.*Free disk space"):
        atomic_write(tmp_path / "f", b"new")
    assert tree(tmp_path) == {"f": b"old"}


def test_an_interruption_leaves_no_temporary_file(tmp_path, monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(files.os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        atomic_write(tmp_path / "f", b"new")
    assert tree(tmp_path) == {}


def test_a_file_in_the_place_of_the_parent_folder_is_a_save_error(tmp_path):
    (tmp_path / "f").write_bytes(b"")
    with pytest.raises(SaveError, match="cannot write to"):
        atomic_write(tmp_path / "f" / "g", b"new")


def test_a_reader_finds_the_old_file_until_the_rename(tmp_path, monkeypatch):
    path = tmp_path / "f"
    atomic_write(path, b"old")
    seen = []
    real = os.fsync
    monkeypatch.setattr(files.os, "fsync", lambda fd: seen.append(path.read_bytes()) or real(fd))
    atomic_write(path, b"new")
    assert seen == [b"old", b"new"]  # before the rename, and when the folder is synced


def test_a_folder_appears_whole(tmp_path):
    with atomic_folder(tmp_path / "run") as fresh:
        (fresh / "a").write_bytes(b"1")
        assert not (tmp_path / "run").exists()
    assert tree(tmp_path) == {"run/a": b"1"}


def test_a_folder_is_replaced_without_a_trace_of_the_old_one(tmp_path):
    write_folder(tmp_path / "run", a=b"1", b=b"2")
    write_folder(tmp_path / "run", a=b"3")
    assert tree(tmp_path) == {"run/a": b"3"}
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test_a_folder_can_be_read_by_others(tmp_path):
    write_folder(tmp_path / "run", a=b"1")
    assert (tmp_path / "run").stat().st_mode & 0o055 == 0o055


@pytest.mark.parametrize("failure", [OSError, ValueError, KeyboardInterrupt])
def test_a_failing_block_leaves_the_old_folder_and_nothing_else(tmp_path, failure):
    write_folder(tmp_path / "run", a=b"old")
    with pytest.raises(SaveError if failure is OSError else failure):
        fail_while_writing(tmp_path / "run", failure)
    assert tree(tmp_path) == {"run/a": b"old"}
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test_a_full_disk_leaves_the_old_folder(tmp_path, monkeypatch):
    write_folder(tmp_path / "run", a=b"old")
    monkeypatch.setattr(files.os, "fsync", full_disk)
    with pytest.raises(SaveError, match=r"No space left.*unchanged"):
        write_folder(tmp_path / "run", a=b"new")
    assert tree(tmp_path) == {"run/a": b"old"}


def test_a_failing_second_rename_puts_the_old_folder_back(tmp_path, monkeypatch):
    """A folder gives way by a rename of its own; if the next one fails, it must come back."""
    write_folder(tmp_path / "run", a=b"old")
    real = Path.rename

    def rename(self, target):
        return (
            full_disk()
            if Path(target).name == "run" and ".old" not in self.name
            else real(self, target)
        )

    monkeypatch.setattr(Path, "rename", rename)
    monkeypatch.setattr(files, "_exchange", lambda fresh, path: False)
    with pytest.raises(SaveError):
        write_folder(tmp_path / "run", a=b"new")
    monkeypatch.undo()
    assert tree(tmp_path) == {"run/a": b"old"}


def test_a_truly_full_disk_keeps_the_old_file(tiny_disk):
    atomic_write(tiny_disk / "f", b"old")
    with pytest.raises(SaveError, match="unchanged"):
        atomic_write(tiny_disk / "f", bytes(200_000))
    assert tree(tiny_disk) == {"f": b"old"}


def test_a_truly_full_disk_keeps_the_old_folder(tiny_disk):
    write_folder(tiny_disk / "run", a=b"old")
    with pytest.raises(SaveError, match="unchanged"):
        write_folder(tiny_disk / "run", a=b"new", b=bytes(200_000))
    assert tree(tiny_disk) == {"run/a": b"old"}
    atomic_write(tiny_disk / "f", bytes(20_000))  # the space was given back


def test_json_keeps_the_order_of_its_keys_and_comes_back(tmp_path):
    value = {"b": [1, 2.5, None], "a": "ü"}
    assert list(json.loads(to_json(value))) == ["b", "a"]
    atomic_write(tmp_path / "v.json", to_json(value))
    assert read_json(tmp_path / "v.json") == value


def test_json_refuses_nan():
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json({"a": float("nan")})


def test_a_missing_json_file_is_named(tmp_path):
    with pytest.raises(FormatError, match=r"model\.json is missing"):
        read_json(tmp_path / "model.json")


@pytest.mark.parametrize(
    "content", [b"", b'{"a": 1', b"\xff\xfe\x00", b"[" * 100_000, b"PK\x03\x04"]
)
def test_damaged_json_is_a_format_error(tmp_path, content):
    (tmp_path / "f.json").write_bytes(content)
    with pytest.raises(FormatError, match="damaged"):
        read_json(tmp_path / "f.json")


def test_a_huge_json_file_is_refused_unread(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_MOST_JSON_BYTES", 3)
    (tmp_path / "f.json").write_bytes(b"[1, 2]")
    with pytest.raises(FormatError, match="larger than any file"):
        read_json(tmp_path / "f.json")


def test_a_folder_in_the_place_of_json_is_a_format_error(tmp_path):
    with pytest.raises(FormatError):
        read_json(tmp_path)


def no_exchange(fresh, path):
    return False


KILLS = (
    *("os.mkdir", "open", "os.rename", "os.remove", "os.rmdir"),
    *("os.listdir", "os.scandir", "ctypes.dlopen"),
)
"""Operations on files that the interpreter tells of, as `sys.addaudithook` calls them."""


def killed_at(number, act):
    """Run something in a process that dies just before its n-th file operation.

    Returns:
        Whether it died; it does not where it has fewer operations.
    """
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        assert os.WEXITSTATUS(status) in (0, 9), "the child failed in another way"
        return os.WEXITSTATUS(status) == 9
    left = [number]

    def count(event, args):
        if event in KILLS:
            left[0] -= 1
            if left[0] < 0:
                os._exit(9)

    status = 1
    try:
        sys.addaudithook(count)
        act()
        status = 0
    finally:
        os._exit(status)


def replace_folder(path):
    write_folder(path, a=b"new", b=b"more")


@pytest.mark.parametrize("can_exchange", [True, False])
def test_a_kill_at_every_file_operation_leaves_the_old_folder_or_the_new(
    tmp_path, monkeypatch, can_exchange
):
    if not can_exchange:
        monkeypatch.setattr(files, "_exchange", no_exchange)
    path = tmp_path / "run"
    number = 0
    while True:
        shutil.rmtree(path, ignore_errors=True)
        write_folder(path, a=b"old")
        if not killed_at(number, lambda: replace_folder(path)):
            break
        found = heal(path)
        assert tree(found) in ({"a": b"old"}, {"a": b"new", "b": b"more"})
        number += 1
    assert number >= 8
    assert tree(path) == {"a": b"new", "b": b"more"}
    write_folder(path, a=b"last")
    assert [item.name for item in tmp_path.iterdir()] == ["run"]


def test_a_kill_at_every_file_operation_leaves_the_old_file_or_the_new(tmp_path):
    path, number = tmp_path / "f", 0
    atomic_write(path, b"old")
    while killed_at(number, lambda: atomic_write(path, b"new")):
        assert path.read_bytes() in (b"old", b"new")
        path.write_bytes(b"old")
        number += 1
    assert number >= 4
    atomic_write(path, b"last")
    assert tree(tmp_path) == {"f": b"last"}


def test_what_a_living_writer_has_beside_is_not_swept(tmp_path):
    with atomic_folder(tmp_path / "run") as fresh:
        (fresh / "a").write_bytes(b"mine")
        write_folder(tmp_path / "run", a=b"theirs")
        assert (fresh / "a").read_bytes() == b"mine"
    assert tree(tmp_path) == {"run/a": b"mine"}


def test_only_what_writers_leave_is_swept(tmp_path):
    others = (".run.notes", ".run.0123456789ab.txt", ".running.0123456789ab", "run.0123456789ab")
    for name in others:
        (tmp_path / name).write_bytes(b"kept")
    (tmp_path / ".run.0123456789ab").write_bytes(b"left")
    (tmp_path / ".run.0123456789ab.old").mkdir()
    (tmp_path / "run").mkdir()
    write_folder(tmp_path / "run", a=b"new")
    assert sorted(tree(tmp_path)) == sorted((*others, "run/a"))


def test_a_folder_between_two_renames_is_found_and_put_back(tmp_path):
    write_folder(tmp_path / "run", a=b"old")
    (tmp_path / "run").rename(tmp_path / ".run.0123456789ab.old")
    assert heal(tmp_path / "run") == tmp_path / "run"
    assert tree(tmp_path) == {"run/a": b"old"}


def test_a_folder_is_left_to_a_writer_that_lives(tmp_path):
    write_folder(tmp_path / "run", a=b"old")
    with atomic_folder(tmp_path / "run") as fresh:
        between = fresh.with_name(fresh.name + ".old")
        (tmp_path / "run").rename(between)
        assert heal(tmp_path / "run") == between
        assert not (tmp_path / "run").exists()


def test_a_link_to_a_folder_stays_one(tmp_path):
    write_folder(tmp_path / "real", a=b"old")
    (tmp_path / "run").symlink_to("real")
    write_folder(tmp_path / "run", a=b"new")
    assert (tmp_path / "run").is_symlink()
    assert (tmp_path / "real" / "a").read_bytes() == b"new"


def test_files_are_written_into_a_folder_that_is_being_written(tmp_path):
    with atomic_folder(tmp_path / "run") as fresh:
        atomic_write(fresh / "a", b"new")
        with atomic_folder(fresh / "inner") as inner:
            (inner / "b").write_bytes(b"more")
    assert tree(tmp_path) == {"run/a": b"new", "run/inner/b": b"more"}


@pytest.mark.parametrize("name", [".", "..", "here/..", "link"])
def test_the_folder_that_one_stands_in_is_not_replaced(tmp_path, monkeypatch, name):
    here = tmp_path / "above" / "here"
    (here / "here").mkdir(parents=True)
    (here / "link").symlink_to(here)
    monkeypatch.chdir(here)
    refusing = pytest.raises(SaveError, match="must not be the folder that you are in")
    with refusing, atomic_folder(Path(name)):
        pytest.fail("it was begun")
    assert sorted(item.name for item in here.iterdir()) == ["here", "link"]


def test_a_folder_may_be_named_by_the_one_above_another(tmp_path):
    (tmp_path / "run" / "below").mkdir(parents=True)
    with atomic_folder(tmp_path / "run" / "below" / "..") as folder:
        (folder / "new").touch()
    assert [item.name for item in (tmp_path / "run").iterdir()] == ["new"]
    assert [item.name for item in tmp_path.iterdir()] == ["run"]
