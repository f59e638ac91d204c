"""Where a tool is on this machine. Light: it is part of the configuration."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Tool(BaseModel):
    """One tool: a program in a checkout and an environment of its own (docs/tools.md)."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    python: str
    """The interpreter of its environment, e.g. `/opt/trellis/bin/python`."""
    repo: str
    """Its checkout, at a commit that is known to fit."""
    timeout_s: Annotated[float, Field(gt=0)] = 1800
    """Seconds that one call may take; then it is stopped, with all processes that it has started."""
    strict: bool = False
    """Whether a checkout at another commit, or with changes, is refused. It is told of in any case."""
