"""Drop the Gaussians of a proxy that are hardly opaque; the proxy itself stays as it was made.

truncated.ply   what is left, with all columns
proxy.json      what is known of the proxy, as it was
outcome.json    how it went
manifest.json   {relative path: sha256} of all of these, written last

Where nothing is left, or the proxy is not finite, the outcome is "failed", and there is nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field

from splatsmith.base import files
from splatsmith.base.errors import InputError, Problem
from splatsmith.base.manifest import MANIFEST_NAME, fault, read_manifest
from splatsmith.stages.completion import for_object
from splatsmith.stages.record import Outputs, Record, record

if TYPE_CHECKING:
    from splatsmith.base.outcome import Outcome

GIVEN = ("generated.ply", "proxy.json")
"""Files of the proxy's folder that are read."""


class Config(BaseModel):
    """What is dropped."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    min_opacity: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Gaussians below this opacity are dropped."""


@dataclass(frozen=True)
class Inputs:
    """What the stage reads."""

    proxy: Path
    """Folder of the generated proxy."""


def main(config: Config, inputs: Inputs, outputs: Outputs) -> None:
    """Truncate a proxy. Raises InputError where a file of it is missing or damaged."""
    from splatsmith.base.outcome import NAME, read_outcome

    place = outputs.folder.absolute()
    label = f"truncate {place.parents[2].name}: {place.parent.name}"
    sources = [inputs.proxy / name for name in (NAME, *GIVEN)]
    with record(outputs.stage_json, stage="truncate_proxy", config=config, inputs=sources) as rec:
        after = {"generate_proxy": read_outcome(inputs.proxy)}
        for_object(
            outputs.folder, rec, label, lambda: _truncate(config, inputs.proxy, outputs.folder, rec), after=after
        )


def _truncate(config: Config, proxy: Path, folder: Path, rec: Record) -> "tuple[Outcome, Sequence[str]]":
    from splatsmith.base.outcome import Outcome, Unusable
    from splatsmith.complete.truncate import truncated
    from splatsmith.gaussians.ply import read_ply, write_ply

    _require_whole(proxy)
    try:
        given = read_ply(proxy / "generated.ply")
    except InputError as error:  # its bytes are those that were made: it is the proxy that is no good
        raise Unusable(f"the proxy cannot be read: {error.problems[0].what}") from None
    left = truncated(given, config.min_opacity)
    write_ply(folder / "truncated.ply", left)
    files.write_bytes(folder / "proxy.json", (proxy / "proxy.json").read_bytes())
    rec.metrics |= {"gaussians": len(left), "dropped": len(given) - len(left)}
    return Outcome(), ("truncated.ply", "proxy.json")


def _require_whole(proxy: Path) -> None:
    """Raises InputError where a file is not as its manifest lists it."""
    fix = "redo the stage generate_proxy: ./run redo generate_proxy"
    try:
        listed = read_manifest(proxy)
    except (OSError, ValueError) as error:
        what = "the proxy was not completed"
        raise InputError(Problem(what, str(proxy / MANIFEST_NAME), fix, got=str(error))) from None
    wrong = [(proxy / name, got) for name in GIVEN if (got := fault(proxy, name, listed))]
    if wrong:
        what = "a file of the proxy is missing or damaged"
        raise InputError(*(Problem(what, str(path), fix, got=got) for path, got in wrong))
