"""The report page: one HTML file that holds all it shows, opens from disk, and asks nothing of any network.

Names in it come from users' files, so everything is escaped; beyond that, a content security policy in the page lets
the browser run our one script and nothing else, and fetch nothing.
"""

import base64
import hashlib
import json

from markupsafe import Markup

from splatsmith import __version__
from splatsmith.report.camera_map import camera_map
from splatsmith.report.colours import ERROR_FULL
from splatsmith.report.comparisons import compare_views
from splatsmith.report.embed import data_uri, jpeg_uri
from splatsmith.report.figures import training_curve
from splatsmith.report.recipe import recipe
from splatsmith.report.results import Results, StageRecord
from splatsmith.report.sheets import embed_sheets
from splatsmith.report.templates import FOLDER
from splatsmith.report.turntable import fit_orbit

POSTER_SIDE = 640
MOST_SIZES = 3
TEXT_BYTES, OBJECT_BYTES = 50_000, 800
"""Of a page, and of each object in it, give or take."""
VIDEO_SHARE = 0.5
"""Of the page's size; a larger video is left out, and its first frame stays."""
SHEETS_SHARE = 0.4
"""Of the page's size, at most for contact sheets."""
GRADES = (
    (30.0, "very close to its photos", "good"),
    (25.0, "close to its photos", "good"),
    (20.0, "recognisable, with visible errors", "fair"),
    (float("-inf"), "far from its photos", "poor"),
)
"""Words for a mean PSNR of at least so many dB."""


def write_page(results: Results, *, most_views: int, size_mb: float) -> str:
    """The page as HTML, in about `size_mb` megabytes, with pictures of at most `most_views` views."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    scene, renders = results.scene, results.renders
    plans = camera_map(scene.train_views, scene.test_views, scene.points, fit_orbit(scene.views, scene.points.xyz))
    shown = {
        "camera_map": data_uri(plans, "image/svg+xml"),
        "curve": data_uri(training_curve(results.curve), "image/svg+xml") if results.curve else None,
        "poster": jpeg_uri(renders.picture("turntable.png"), POSTER_SIDE),
        "video": data_uri(renders.read("turntable.mp4"), "video/mp4"),
    }
    if len(shown["video"]) > VIDEO_SHARE * size_mb * 1e6:
        shown["video"] = None
    sheets = embed_sheets(results.segmented, SHEETS_SHARE * size_mb * 1e6)
    pictures = [*shown.values(), shown["poster"], *(sheet.uri for sheet in sheets.values())]
    budget = size_mb * 1e6 - sum(len(uri) for uri in pictures if uri) - _text_bytes(results)
    comparisons, side = compare_views(results, most_views, budget)
    script = (FOLDER / "report.js").read_text(encoding="utf-8")
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"duration": duration, "pretty": _pretty}
    return environment.get_template("report.html").render(
        results=results,
        metrics=results.metrics,
        scene=scene,
        sizes=sorted({f"{view.camera.width} × {view.camera.height}" for view in scene.views})[:MOST_SIZES],
        grade=grade(results),
        troubles=[stage for stage in results.stages if stage.status != "ok" or stage.reason],
        seconds=sum(stage.seconds or 0.0 for stage in results.stages),
        longest=max([stage.seconds or 0.0 for stage in results.stages], default=0.0) or 1.0,
        trained=next((stage for stage in results.stages if stage.stage == "train_3dgs"), None),
        versions=_versions(results.stages),
        recipe=recipe(results.name, results.stages),
        **shown,
        segmented=results.segmented,
        sheets=sheets,
        comparisons=comparisons,
        reduced_to=side,
        error_full=ERROR_FULL,
        version=__version__,
        style=Markup((FOLDER / "report.css").read_text(encoding="utf-8")),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii"),
    )


def grade(results: Results) -> tuple[str, str]:
    """The verdict in words, and its class: good, fair, poor, or unknown where no view was held out."""
    if results.metrics.kind == "train":
        return "not known", "unknown"
    psnr_db = results.metrics.mean.psnr_db
    return next((words, name) for least, words, name in GRADES if psnr_db >= least)


def duration(seconds: float) -> str:
    """Seconds for people: 8.1 s, 4 min 05 s, 2 h 10 min."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def _text_bytes(results: Results) -> int:
    atlas = results.segmented.atlas
    return TEXT_BYTES + OBJECT_BYTES * len(atlas.objects if atlas else ())


def _versions(stages: list[StageRecord]) -> dict[str, list[str]]:
    """Each package's versions; more than one where stages ran with different ones."""
    found: dict[str, list[str]] = {}
    for stage in stages:
        for name, version in stage.versions.items():
            if version not in found.setdefault(name, []):
                found[name].append(version)
    return found


def _pretty(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
