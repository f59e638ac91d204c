"""`splatsmith doctor` names what is missing, and what to do about it."""

import subprocess
import sys
from collections import namedtuple
from importlib import metadata
from pathlib import Path

import pytest

from splatsmith import doctor
from splatsmith.base.errors import Problem
from splatsmith.models.catalogue import CATALOGUE
from splatsmith.render.cpu import compile as compile_


def find(subject: str, folder: Path = Path(), models: Path = Path("no models")) -> doctor.Finding:
    return next(finding for finding in doctor.findings(folder, models) if finding.subject == subject)


@pytest.fixture
def without(monkeypatch):
    """Makes a package look as if it were not installed."""
    installed = metadata.version

    def hide(package: str) -> None:
        def version(name: str) -> str:
            if name == package:
                raise metadata.PackageNotFoundError(name)
            return installed(name)

        monkeypatch.setattr(metadata, "version", version)

    return hide


def answering(monkeypatch, stdout: str = "", stderr: str = "") -> None:
    """Lets the process that looks for GPUs give an answer."""
    answer = subprocess.CompletedProcess([], 0, stdout, stderr)
    monkeypatch.setattr(doctor.subprocess, "run", lambda *_, **__: answer)


def test_nothing_is_missing_where_the_tests_run(tmp_path):
    assert [str(finding) for finding in doctor.findings(tmp_path, tmp_path) if finding.state == "problem"] == []


def test_every_problem_has_a_fix(monkeypatch, without):
    without("torch")
    monkeypatch.setattr(sys, "version_info", (3, 10, 1))
    answering(monkeypatch, stderr="Traceback\nImportError: libtorch")
    found = [finding for finding in doctor.findings(Path(), Path("no models")) if finding.state == "problem"]
    assert [finding.subject for finding in found] == ["python", "torch", "gpu"]
    assert all(finding.fix for finding in found)
    assert found[2].detail == "torch does not start: ImportError: libtorch"


def test_a_gpu_and_what_keeps_it_idle(monkeypatch):
    gpu = '"gpus": ["H200, 139 GiB"], "cuda": "12.6"'
    monkeypatch.delenv("CUDA_HOME", raising=False)
    answering(monkeypatch, f'{{{gpu}, "gsplat": null, "nvcc": null}}')
    assert find("gpu").detail == "H200, 139 GiB (torch for CUDA 12.6)"
    assert find("gsplat").fix == "SPLATSMITH_EXTRAS=gpu ./run"
    answering(monkeypatch, f'{{{gpu}, "gsplat": "1.5.3", "nvcc": null}}')
    assert "no nvcc" in find("gsplat").detail
    answering(monkeypatch, f'{{{gpu}, "gsplat": "1.5.3", "nvcc": "/usr/bin/nvcc"}}')
    assert find("gsplat").state == "ok"


def test_a_gpu_that_torch_cannot_use(monkeypatch):
    monkeypatch.setattr(doctor.shutil, "which", lambda name: f"/usr/bin/{name}")
    answering(monkeypatch, '{"gpus": [], "cuda": null, "gsplat": null, "nvcc": null}')
    assert "built for the CPU" in find("gpu").detail
    answering(monkeypatch, '{"gpus": [], "cuda": "12.6", "gsplat": null, "nvcc": null}')
    assert "cannot use it" in find("gpu").detail


def test_a_driver_that_does_not_answer(monkeypatch):
    def hang(command, **_):
        raise subprocess.TimeoutExpired(command, 1)

    monkeypatch.setattr(doctor.subprocess, "run", hang)
    assert (find("gpu").state, find("gpu").detail) == ("problem", "the driver does not answer")


def test_the_cache_folder_is_the_one_in_use(monkeypatch):
    assert (find("kernels").state, find("kernels").detail) == ("ok", f"compiled once, kept in {compile_.CACHE}")
    monkeypatch.setattr(compile_, "CACHE", None)
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    assert find("kernels").state == "note"
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/a file/cache")
    assert (find("kernels").state, "cannot write /a file/cache" in find("kernels").detail) == ("problem", True)


def test_a_limit_on_threads_is_told(monkeypatch):
    monkeypatch.setattr(doctor.os, "sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.delenv("NUMBA_NUM_THREADS", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert str(find("threads")).splitlines() == [
        "[note] threads         8 usable by this process, OMP_NUM_THREADS=2",
        "                       -> unset OMP_NUM_THREADS to use them all",
    ]


def test_a_full_disk_is_told(monkeypatch, tmp_path):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: usage(2**40, 2**40 - 2**30, 2**30))
    assert find("disk", tmp_path).detail == "only 1.0 GiB free for results"


@pytest.fixture
def _no_gpu(monkeypatch):
    """Looking for one takes seconds."""
    answering(monkeypatch, '{"gpus": [], "cuda": null, "gsplat": null, "nvcc": null}')


@pytest.mark.usefixtures("_no_gpu")
def test_every_model_is_told_with_its_licence_and_its_place(tmp_path):
    found = {one.subject: one for one in doctor.findings(tmp_path, tmp_path / "weights")}
    assert found.keys() >= CATALOGUE.keys()
    for backend, model in CATALOGUE.items():
        one = found[backend]
        assert one.state == "note"
        assert model.licence in one.detail
        assert f"{tmp_path / 'weights' / backend}" in one.fix
        assert str(one).startswith(f"[note] {backend} ")


@pytest.mark.usefixtures("_no_gpu")
def test_a_model_that_is_there_is_ok_and_one_that_is_incomplete_is_to_be_mended(tmp_path, models_dir):
    for backend in CATALOGUE:
        assert find(backend, models=models_dir).state == "ok"
        assert str(models_dir / backend) in find(backend, models=models_dir).detail
    (tmp_path / "sam2").mkdir()
    (tmp_path / "sam2" / "config.json").touch()
    one = find("sam2", models=tmp_path)
    assert one.state == "problem"
    assert "no model.safetensors" in one.detail
    assert one.fix.startswith("hf download")
    assert find("sam", models=tmp_path).state == "note"


@pytest.mark.usefixtures("_no_gpu")
def test_libraries_of_the_models_that_are_missing_old_or_broken(monkeypatch, without):
    assert find("transformers").state == "ok"
    without("transformers")
    assert (find("transformers").state, find("transformers").fix) == ("note", "SPLATSMITH_EXTRAS=models ./run")
    installed = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "4.57.0" if name == "transformers" else installed(name))
    assert find("transformers").detail == "4.57.0, but the models need 5.23.*"
    broken = Problem("torchvision does not fit", "installed", "pip uninstall torchvision", got="made for another torch")
    monkeypatch.setattr(doctor, "broken_torchvision", lambda: broken)
    assert str(find("torchvision")).splitlines() == [
        "[FAIL] torchvision     made for another torch: that breaks every model",
        "                       -> pip uninstall torchvision",
    ]
