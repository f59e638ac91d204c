"""The state of a training run on disk, so that a killed run goes on where it was.

One file, written atomically, holding tensors and plain values only. It carries a key, the digest of everything that the
result depends on (a file with another key belongs to another run and is passed over), and a digest of its own content,
since torch does not notice a flipped bit.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from splatsmith.base import files

FILE = "checkpoint.pt"
AFRESH = "starting from the beginning"


def run_key(**facts: object) -> str:
    """Hex digest of `facts` (plain JSON values): the config, the hashes of the inputs, the versions that compute."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


class Checkpoint:
    """The newest state of the run `key`, kept in `folder`."""

    def __init__(self, folder: str | os.PathLike, key: str):
        self._path = Path(folder) / FILE
        self._key = key

    def save(self, state: dict) -> None:
        """Replace the file by `state`: nested dicts of tensors, numbers, strings and None."""
        with files.atomic_path(self._path) as temporary:
            torch.save({"key": self._key, "digest": _digest(state), "state": state}, temporary)

    def load(self, device: torch.device) -> tuple[dict | None, str]:
        """The state, its tensors on `device`, or None; and a word on what was found."""
        if not self._path.exists():
            return None, f"no checkpoint: {AFRESH}"
        try:
            content = torch.load(self._path, map_location=device, weights_only=True)
            key, state, intact = content["key"], content["state"], content["digest"] == _digest(content["state"])
        except Exception:  # a damaged file makes torch.load raise nearly anything
            intact = False
        if not intact:
            return None, f"{self._path} is damaged: {AFRESH}"
        if key != self._key:
            return None, f"{self._path} is of another configuration or scene: {AFRESH}"
        return state, f"resuming from step {state['step']} in {self._path}"

    def remove(self) -> None:
        """Forget the run: its result is complete."""
        self._path.unlink(missing_ok=True)


def _digest(state: dict) -> str:
    digest = hashlib.sha256()
    for name, value in _leaves(state):
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().numpy() if isinstance(value, Tensor) else repr(value).encode())
    return digest.hexdigest()


def _leaves(state: dict, prefix: str = "") -> Iterator[tuple[str, object]]:
    for name, value in state.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}/")
        else:
            yield f"{prefix}{name}", value
