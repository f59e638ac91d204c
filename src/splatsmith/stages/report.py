"""One page that shows a scene's results: `report/index.html`, self-contained. Fast; imports no torch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from splatsmith.base import files
from splatsmith.stages.record import record


class Config(BaseModel):
    """How much the page shows."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    views: Annotated[int, Field(ge=1)] = 12
    """Views shown in pictures, from the worst to the best; the table always has all."""
    size_mb: Annotated[float, Field(gt=0)] = 10
    """Megabytes that the page should stay below: pictures are reduced until it does."""


@dataclass(frozen=True)
class Inputs:
    """What the stage reads."""

    results: Path
    """Folder of one scene's results: `scene/`, `gaussians/` and `renders/` within, each with its `stage.json`; and what
    there is of masks, objects, evaluations, edits and completed objects."""


@dataclass(frozen=True)
class Outputs:
    """Where the stage writes."""

    page: Path
    """The HTML file; `stage.json` goes beside it."""

    @property
    def stage_json(self) -> Path:
        """What the stage did."""
        return self.page.parent / "stage.json"


def main(config: Config, inputs: Inputs, outputs: Outputs) -> None:
    """Write the page. Raises InputError where a result is missing or damaged."""
    from splatsmith.report.page import write_page
    from splatsmith.report.places import OPTIONAL
    from splatsmith.report.results import read_results

    sources = [inputs.results / place / "manifest.json" for place in ("scene", "renders")]
    sources += sorted(path for pattern in OPTIONAL.values() for path in inputs.results.glob(f"{pattern}/manifest.json"))
    with record(outputs.stage_json, stage="report", config=config, inputs=sources) as rec:
        page = write_page(read_results(inputs.results), most_views=config.views, size_mb=config.size_mb)
        files.write_text(outputs.page, page)
        rec.metrics["size_mb"] = round(len(page.encode("utf-8")) / 1e6, 3)
    print(f"report: {outputs.page} ({rec.metrics['size_mb']:.1f} MB), open it in a browser")
