"""Libraries that are missing or do not fit each other are named, without being imported."""

from pathlib import Path

import pytest

from splatsmith.base.errors import InputError
from splatsmith.models.libraries import broken_torchvision, require_libraries


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Puts packages of a name, version and requirements before the installed ones; with files beside them."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(name: str, version: str, requires: tuple[str, ...] = (), files: dict[str, bytes] | None = None) -> None:
        about = tmp_path / f"{name}-{version.replace('+', '_')}.dist-info"
        about.mkdir()
        lines = [
            "Metadata-Version: 2.1",
            f"Name: {name}",
            f"Version: {version}",
            *(f"Requires-Dist: {r}" for r in requires),
        ]
        (about / "METADATA").write_text("\n".join(lines) + "\n")
        for path, content in (files or {}).items():
            file = tmp_path / name / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)

    return make


CUDA = {"_C.so": b"\x7fELF...libc10_cuda.so..."}
CPU = {"_C.so": b"\x7fELF...libc10.so..."}


def test_no_torchvision_is_a_good_torchvision(monkeypatch):
    monkeypatch.setattr(
        "splatsmith.models.libraries._version", lambda name: None if name == "torchvision" else "2.13.0"
    )
    assert broken_torchvision() is None


def test_torchvision_for_cuda_beside_torch_for_the_cpu(install):
    install("torch", "2.13.0+cpu", files={"lib/libc10.so": b""})
    install("torchvision", "0.28.0", ("numpy", "torch (==2.13.0)"), CUDA)
    assert str(broken_torchvision()) == (
        "torchvision does not fit torch, and breaks every 2D model\n"
        "  where:    installed packages\n"
        "  got:      torchvision 0.28.0 is made for CUDA, the installed torch 2.13.0+cpu for the CPU\n"
        "  fix:      pip uninstall torchvision: nothing here needs it"
    )
    with pytest.raises(InputError, match="breaks every 2D model"):
        require_libraries("sam2")


def test_torchvision_for_another_torch(install):
    install("torch", "2.11.0+cu126", files={"lib/libc10_cuda.so": b""})
    install("torchvision", "0.28.0", ("torch==2.13.0",), CUDA)
    assert broken_torchvision().got == "torchvision 0.28.0 is made for torch 2.13.0, installed is torch 2.11.0+cu126"


@pytest.mark.parametrize(
    ("torch", "libraries", "torchvision", "compiled"),
    [
        ("2.13.0+cpu", {"lib/libc10.so": b""}, "0.28.0+cpu", CPU),
        ("2.13.0", {"lib/libc10_cuda.so": b""}, "0.28.0", CUDA),
        ("2.13.0+cu126", {"lib/libc10_cuda.so": b""}, "0.28.0+cu126", CUDA),
        ("2.13.0", {"lib/libc10.dylib": b""}, "0.28.0", {"_C.so": b"libc10.dylib"}),
    ],
)
def test_a_torchvision_that_fits_is_left_alone(install, torch, libraries, torchvision, compiled):
    install("torch", torch, files=libraries)
    install("torchvision", torchvision, ("torch==2.13.0",), compiled)
    assert broken_torchvision() is None


def test_another_transformers_is_told(install):
    install("transformers", "4.57.6")
    with pytest.raises(InputError) as error:
        require_libraries("sam2")
    assert str(error.value) == (
        "`sam2` needs another transformers\n"
        "  where:    installed packages\n"
        "  expected: 5.23.*\n"
        "  got:      4.57.6\n"
        "  fix:      pip install -c constraints.txt 'splatsmith[models]', or SPLATSMITH_EXTRAS=models ./run"
    )


@pytest.mark.parametrize("name", ["transformers", "safetensors"])
def test_a_missing_library_is_told(monkeypatch, name):
    monkeypatch.setattr("splatsmith.models.libraries._version", lambda asked: None if asked == name else "5.23.0")
    with pytest.raises(InputError, match=f"`sam` needs {name}\n.*\n  got:      not installed"):
        require_libraries("sam")


def test_the_message_names_an_extra_that_there_is():
    import tomllib

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert any(r.startswith("transformers") for r in project["optional-dependencies"]["models"])
