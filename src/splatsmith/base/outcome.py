"""How a stage went for one object or one edit, told to the next stage: `outcome.json` in its folder.

A stage that cannot do its work still ends well, with the status "failed" and a reason: the others go on, and the scene
keeps this one as it was.
"""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from splatsmith.base import files
from splatsmith.base.errors import InputError, Problem
from splatsmith.base.typed import typed_json

NAME = "outcome.json"

Status = Literal["ok", "degraded", "ambiguous", "failed"]


class Outcome(BaseModel):
    """What a stage says of its own result."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    status: Status = "ok"
    """ok; degraded: usable, but look at it; ambiguous: several answers fit equally well; failed: there is none."""
    reason: str = ""
    """Why, in words, where it is not ok."""

    @property
    def usable(self) -> bool:
        """Whether there is a result."""
        return self.status != "failed"

    def after(self, stage: str) -> "Outcome":
        """What a later stage says that cannot start, since this one failed."""
        return Outcome(status="failed", reason=f"{stage}: {self.reason}")


class Unusable(Exception):
    """The work cannot be done for this object. The message is the reason."""


def write_outcome(folder: Path, outcome: Outcome) -> None:
    """Write it atomically."""
    files.write_json(folder / NAME, outcome.model_dump(mode="json"))


def read_outcome(folder: Path) -> Outcome:
    """Read what `write_outcome` wrote. Raises InputError."""
    path = folder / NAME
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        what, fix = "the outcome of an earlier stage cannot be read", "redo that stage"
        raise InputError(Problem(what, str(path), fix, got=str(error))) from None
    return typed_json(Outcome, text, str(path))
