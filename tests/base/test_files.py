"""A file is complete or absent, whatever happens to its writer, and no writer disturbs another."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from splatsmith.base import files

KILLED = "os.kill(os.getpid(), signal.SIGKILL)"
WAITING = "print('writing', flush=True); sys.stdin.read()"


def writer(path: Path, then: str) -> subprocess.Popen:
    """A process that does `then` in the middle of writing `path`."""
    program = (
        f"import os, signal, sys\nfrom splatsmith.base import files\nwith files.atomic_path({str(path)!r}): {then}"
    )
    command = [sys.executable, "-c", program]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_a_new_file_replaces_the_old_one_whole(tmp_path):
    path = tmp_path / "new" / "a.b.json"
    for value in ({"a": 1}, {"ä": [2]}):
        files.write_json(path, value)
    assert path.read_bytes() == '{\n  "ä": [\n    2\n  ]\n}\n'.encode()
    assert names(path.parent) == ["a.b.json"]


def test_a_failing_writer_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    files.write_text(path, "old")

    def fail() -> None:
        with files.atomic_path(path) as temporary:
            temporary.write_text("new")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_the_temporary_name_keeps_the_suffix_and_is_hidden(tmp_path):
    with files.atomic_path(tmp_path / "a.png") as temporary:
        assert (temporary.suffix, temporary.parent, temporary.name[0]) == (".png", tmp_path, ".")
        temporary.write_bytes(b"")


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600)])
def test_the_mode_is_a_new_file_s_and_the_umask_is_never_touched(tmp_path, monkeypatch, mask, mode):
    """Another thread would make its files with whatever the umask is for the moment."""
    before = os.umask(mask)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(os, "umask", None)
            files.write_text(tmp_path / "a.txt", "a")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == mode


def test_what_a_killed_writer_left_goes_at_the_next_write(tmp_path):
    killed = writer(tmp_path / "checkpoint.pt", KILLED)
    assert killed.wait() == -signal.SIGKILL
    killed.communicate()
    assert len(names(tmp_path)) == 1
    (tmp_path / ".checkpoint.swp").touch()
    files.write_text(tmp_path / "other.txt", "whole")
    assert names(tmp_path) == [".checkpoint.swp", "other.txt"]


def test_who_writes_at_the_same_time_is_left_alone(tmp_path):
    path = tmp_path / "a.txt"
    other = writer(path, WAITING)
    assert other.stdout.readline() == "writing\n"
    files.write_text(path, "ours")
    assert path.read_text() == "ours"
    other.communicate()
    assert other.returncode == 0
    assert path.read_text() == ""
    assert names(tmp_path) == ["a.txt"]
