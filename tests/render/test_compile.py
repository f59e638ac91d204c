"""Where compiled kernels are kept, and that a program runs where they cannot be."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numba
import pytest

from splatsmith.render.cpu import compile as compile_

ASK = "import runpy, sys; print(runpy.run_path(sys.argv[1])['CACHE'])"


def cache_of(package_root: Path, **environment: str | None) -> str:
    """What a fresh process takes as its cache folder for the package at `package_root`."""
    source = str(package_root / "splatsmith" / "render" / "cpu" / "compile.py")
    env = {name: value for name, value in (os.environ | environment).items() if value is not None}
    done = subprocess.run([sys.executable, "-c", ASK, source], env=env, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def copied(tmp_path):
    """A copy of the package, to make read-only or to change."""
    source = Path(compile_.__file__).parents[2]
    root = tmp_path / "site with space"
    shutil.copytree(source, root / "splatsmith", ignore=shutil.ignore_patterns("__pycache__"))
    return root


def test_kept_beside_the_sources_by_default(copied):
    found = cache_of(copied, NUMBA_CACHE_DIR=None)
    assert Path(found).parent == copied / "splatsmith" / "render" / "cpu" / "__pycache__"


def test_the_users_choice_comes_first(copied, tmp_path):
    assert Path(cache_of(copied, NUMBA_CACHE_DIR=str(tmp_path / "mine"))).parent == tmp_path / "mine"


def test_a_changed_source_is_another_cache(copied):
    before = cache_of(copied)
    with open(copied / "splatsmith" / "render" / "constants.py", "a") as file:
        file.write("\nOTHER = 1\n")
    assert cache_of(copied) != before


def test_read_only_sources(copied, tmp_path):
    """A folder where a file stands cannot be made: the way to be read-only that also holds for root."""
    (copied / "splatsmith" / "render" / "cpu" / "__pycache__").write_text("")
    users = tmp_path / "cache"
    found = cache_of(copied, NUMBA_CACHE_DIR=None, XDG_CACHE_HOME=str(users))
    assert Path(found).parent == users / "splatsmith"
    assert cache_of(copied, NUMBA_CACHE_DIR=None, XDG_CACHE_HOME=None, HOME="/dev/null") == "None"


def test_without_any_cache_kernels_still_run(monkeypatch):
    monkeypatch.setattr(compile_, "CACHE", None)
    double = compile_.kernel(lambda x: 2 * x)
    assert double(3) == 6


def test_numba_is_left_as_it_was():
    assert os.environ.get("NUMBA_CACHE_DIR", "") == numba.config.CACHE_DIR
