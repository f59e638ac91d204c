"""Where the weights of models lie, and whether they are complete: told before anything heavy is imported.

    <models.dir>/grounding-dino/   config.json, model.safetensors, tokenizer.json, tokenizer_config.json
    <models.dir>/sam/              config.json, model.safetensors; or an official sam_vit_*.pth
    <models.dir>/sam2/             config.json, model.safetensors
    <models.dir>/sam3/             config.json, model.safetensors, tokenizer.json, tokenizer_config.json
    <models.dir>/matchanything/    config.json, model.safetensors
    <models.dir>/lpips/            model.safetensors

One folder per backend, filled by the user with files from huggingface.co, or as `splatsmith doctor` says. Large models
come in several model-0000x-of-0000y.safetensors, listed in model.safetensors.index.json. Pickles are not read, except
the official `sam_vit_*.pth`, of which only tensors are.
"""

import difflib
import json
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from splatsmith.base.errors import InputError, Problem
from splatsmith.base.files import sha256_of
from splatsmith.models.catalogue import CATALOGUE, Published
from splatsmith.models.libraries import require_libraries

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
OFFICIAL_SAM = "sam_vit_*.pth"


@dataclass(frozen=True)
class Checkpoint:
    """A model's folder, found complete."""

    backend: str
    folder: Path
    files: tuple[Path, ...]
    """Everything that is read from it, weights last: what a stage records as its inputs."""

    @property
    def weights(self) -> tuple[Path, ...]:
        """The files that hold tensors."""
        return tuple(file for file in self.files if file.suffix in (".safetensors", ".pth"))

    @property
    def official_sam(self) -> Path | None:
        """The official `.pth` that `sam` is read from, where it is."""
        return self.weights[0] if self.weights[0].suffix == ".pth" else None

    def sha256(self) -> dict[str, str]:
        """Hex SHA-256 of each weights file by its name, for `stage.json`. Reads all of them."""
        return {file.name: sha256_of(file) for file in self.weights}


@dataclass(frozen=True)
class Surveyed:
    """What `splatsmith doctor` says of one backend."""

    backend: str
    ready: bool
    detail: str
    fix: str | None = None


def find_checkpoint(backend: str, models_dir: Path) -> Checkpoint:
    """The files of `backend` below `models_dir`, and the libraries to read them with: nothing heavy is imported.

    Raises InputError that says what is missing, where it belongs, where to get it and under which licence.
    """
    checkpoint = locate(_published(backend), Path(models_dir))
    require_libraries(backend)
    return checkpoint


def find_checkpoints(backends: Iterable[str], models_dir: Path) -> list[Checkpoint]:
    """As `find_checkpoint`, of several; raises InputError with everything that is wrong with any of them."""
    found, problems = [], []
    for backend in backends:
        try:
            found.append(find_checkpoint(backend, models_dir))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(*problems)
    return found


def survey(models_dir: Path) -> list[Surveyed]:
    """Every backend of the catalogue: what is there and what is missing, in words. Opens no weights."""
    return [_survey(model, Path(models_dir)) for model in CATALOGUE.values()]


def locate(model: Published, models_dir: Path) -> Checkpoint:
    """The files of a published model below `models_dir`. Raises InputError."""
    folder = models_dir / model.backend
    if not folder.is_dir():
        raise _absent(model, folder, got="no such folder")
    if (official := _official_sam(model, folder)) is not None:
        return Checkpoint(model.backend, folder, (official,))
    names = [*_descriptions(model), *_shards(model, folder)]
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise _absent(model, folder, got=f"no {', '.join(missing)}{_pickles(folder)}")
    if model.model_types:
        _require_model_type(model, folder / "config.json")
    return Checkpoint(model.backend, folder, tuple(folder / name for name in names))


def _published(backend: str) -> Published:
    if backend in CATALOGUE:
        return CATALOGUE[backend]
    near = difflib.get_close_matches(backend, CATALOGUE, 1)
    fix = f"did you mean `{near[0]}`?" if near else "choose one of them"
    raise InputError(Problem(f"unknown model `{backend}`", "models", fix, expected=f"one of {', '.join(CATALOGUE)}"))


def _survey(model: Published, models_dir: Path) -> Surveyed:
    try:
        checkpoint = locate(model, models_dir)
    except InputError as error:
        (problem,) = error.problems
        there = (models_dir / model.backend).is_dir()
        detail = f"{problem.what}: {problem.got}" if there else f"not there; {model.task}"
        return Surveyed(model.backend, False, f"{detail} ({model.licence})", problem.fix)
    size = sum(file.stat().st_size for file in checkpoint.weights) / 1e9
    told = f"{size:.1f} GB" if size >= 0.1 else f"{1000 * size:.0f} MB"
    return Surveyed(model.backend, True, f"{told} in {checkpoint.folder} ({model.licence}); {model.task}")


def _official_sam(model: Published, folder: Path) -> Path | None:
    found = sorted(folder.glob(OFFICIAL_SAM)) if model.backend == "sam" else []
    if not found or (folder / "config.json").exists():
        return None
    if len(found) > 1:
        names = ", ".join(file.name for file in found)
        what = "more than one official checkpoint of `sam`"
        raise InputError(Problem(what, str(folder), "leave the one that is meant", expected="one file", got=names))
    return found[0]


def _shards(model: Published, folder: Path) -> list[str]:
    """Names of the weights files that should be there."""
    if (folder / WEIGHTS).is_file() or not (folder / INDEX).is_file():
        return [WEIGHTS]
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        names = sorted(set(index["weight_map"].values()))
        plain = all(Path(name).name == name and name.endswith(".safetensors") for name in names)
    except (ValueError, KeyError, TypeError, AttributeError):
        names, plain = [], False
    if not names or not plain:
        fix = _how_to_get(model, folder, [INDEX])
        raise InputError(Problem("the list of weights files is damaged", str(folder / INDEX), fix))
    return names


def _require_model_type(model: Published, config: Path) -> None:
    try:
        got = json.loads(config.read_text(encoding="utf-8")).get("model_type")
    except (ValueError, AttributeError):
        fix = _how_to_get(model, config.parent, [config.name])
        raise InputError(Problem(f"the description of `{model.backend}` is damaged", str(config), fix)) from None
    if got not in model.model_types:
        raise InputError(
            Problem(
                f"another model lies in the folder of `{model.backend}`",
                f"{config}: model_type",
                _how_to_get(model, config.parent),
                expected=" or ".join(model.model_types),
                got=str(got),
            )
        )


def _absent(model: Published, folder: Path, got: str) -> InputError:
    expected = ", ".join(_files(model)) + (f"; or an official {OFFICIAL_SAM}" if model.backend == "sam" else "")
    fix = _how_to_get(model, folder)
    return InputError(Problem(f"the model `{model.backend}` is not there", str(folder), fix, expected, got))


def _how_to_get(model: Published, folder: Path, files: list[str] | None = None) -> str:
    copied = "or copy the files there from another machine"
    if model.hub_id is None:
        recipe = model.recipe.format(folder=shlex.quote(str(folder)))
        return f"{recipe} ({model.gigabytes:g} GB, licence {model.licence}), {copied}"
    names = " ".join(files or _files(model))
    accept = f"accept the licence on https://huggingface.co/{model.hub_id}, then " if model.gated else ""
    smaller = f"; {', '.join(model.others)} will do too" if model.others else ""
    return (
        f"{accept}hf download {model.hub_id} {names} --local-dir {shlex.quote(str(folder))}"
        f" ({model.gigabytes:g} GB, licence {model.licence}{smaller}), {copied}"
    )


def _files(model: Published) -> list[str]:
    return [*_descriptions(model), WEIGHTS]


def _descriptions(model: Published) -> list[str]:
    """What lies beside the weights."""
    return ["config.json", *model.text_files] if model.model_types else []


def _pickles(folder: Path) -> str:
    found = sorted(file.name for pattern in ("*.bin", "*.pt", "*.pth") for file in folder.glob(pattern))
    return f" ({', '.join(found)}: pickles are not read)" if found else ""
