"""What the stages that work on one object have in common: how they end, well or not."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from splatsmith.base.manifest import MANIFEST_NAME, remove_manifest, write_manifest
from splatsmith.stages.record import Record

if TYPE_CHECKING:
    from splatsmith.base.outcome import Outcome


def for_object(
    folder: Path,
    record: Record,
    label: str,
    work: "Callable[[], tuple[Outcome, Iterable[str]]]",
    *,
    after: "dict[str, Outcome] | None" = None,
) -> None:
    """Do the `work` of a stage for one object, and complete its folder whatever comes of it.

    work: writes files into `folder`; returns how it went, and the names of the files relative to the folder. Where it
    raises Unusable, or an earlier stage of `after` (by name) failed, the outcome is "failed" with the reason, and the
    folder holds nothing else. Files of an earlier run are removed; the manifest is written last.
    """
    from splatsmith.base.outcome import NAME, Outcome, Unusable, write_outcome

    remove_manifest(folder)
    lost = [outcome.after(stage) for stage, outcome in (after or {}).items() if not outcome.usable]
    names: Iterable[str] = ()
    try:
        outcome, names = (lost[0], ()) if lost else work()
    except Unusable as reason:
        outcome = Outcome(status="failed", reason=str(reason))
    _remove_all_but({*names, NAME, "stage.json"}, folder)
    write_outcome(folder, outcome)
    write_manifest(folder, [*names, NAME])
    record.status, record.reason = outcome.status, outcome.reason
    print(f"{label}: {outcome.status}{': ' * bool(outcome.reason)}{outcome.reason}", flush=True)


def _remove_all_but(kept: set[str], folder: Path) -> None:
    """Remove files of an earlier run, and the folders that this empties."""
    for path in sorted(folder.rglob("*"), reverse=True):  # files before their folders
        if path.is_file() and path.relative_to(folder).as_posix() not in kept | {MANIFEST_NAME}:
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()
