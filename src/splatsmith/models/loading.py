"""Loading a transformers model from its folder: offline, from safetensors only, every tensor in its place."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import PreTrainedModel
from transformers.utils import logging

from splatsmith.base.errors import InputError, Problem
from splatsmith.models.checkpoints import Checkpoint

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
"""Precisions that a caller may choose, by their names."""
WRONG = {"missing": "missing_keys", "unexpected": "unexpected_keys", "of another shape": "mismatched_keys"}
"""What can be wrong with a tensor, and where the library lists such."""

logging.set_verbosity_error()  # what it would warn of is an error here
logging.disable_progress_bar()


def load_model(model_class: type[PreTrainedModel], checkpoint: Checkpoint, *, device: str, dtype: str) -> Any:
    """The model on `device` in `dtype`, ready for inference.

    The library itself would only warn of a tensor that is missing or misshapen and leave it random: here that is an
    InputError, and so is a tensor that the model has no place for.
    """
    require_device(device)
    try:
        model, found = model_class.from_pretrained(
            str(checkpoint.folder),
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
            dtype=DTYPES[dtype],
        )
    except (OSError, RuntimeError, ValueError, SafetensorError) as error:
        raise unusable(checkpoint, got=str(error).strip().splitlines()[0]) from error
    require_fit(checkpoint, {kind: sorted(map(str, found[key])) for kind, key in WRONG.items()})
    return ready(model, device)


def require_fit(checkpoint: Checkpoint, wrong: Mapping[str, Sequence[str]]) -> None:
    """Raises InputError where any tensor is `wrong`: names by what is wrong with them."""
    told = [_listed(kind, names) for kind, names in wrong.items() if names]
    if told:
        raise unusable(checkpoint, got="; ".join(told))


def ready(model: torch.nn.Module, device: str) -> Any:
    """A model on `device`, for inference only."""
    return model.to(device).eval().requires_grad_(False)


def require_device(device: str) -> None:
    """Raises InputError where torch knows no such device."""
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        got = str(error).strip().splitlines()[0]
        fix = "choose `cpu`, or install a torch for this machine's accelerator"
        raise InputError(
            Problem("the 2D model's device is not there", "device", fix, expected=device, got=got)
        ) from None


def unusable(checkpoint: Checkpoint, got: str) -> InputError:
    """The weights are there, but are not those of this model."""
    what = f"the weights of `{checkpoint.backend}` do not fit the model"
    fix = "fetch config.json and the weights anew, both from one repository"
    where = ", ".join(file.name for file in checkpoint.weights)
    return InputError(Problem(what, f"{checkpoint.folder}: {where}", fix, got=got))


def _listed(kind: str, names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{kind}: {', '.join(names[:3])}{more}"
