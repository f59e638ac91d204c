"""Renders beside their photos, with the error and the depth, as a page shows them."""

from collections.abc import Sequence
from dataclasses import dataclass

from splatsmith.report.colours import error_picture
from splatsmith.report.contact import spread
from splatsmith.report.embed import jpeg_uri
from splatsmith.report.listed import Listed
from splatsmith.report.results import DrawnView, Results
from splatsmith.scenes.cameras import View
from splatsmith.scenes.prepared import read_image

SIDES = (1280, 960, 720, 540, 400, 300)
"""Longer sides, in pixels, that pictures are reduced to until the page is small enough."""


@dataclass(frozen=True)
class Comparison:
    """One view. Pictures are data URIs."""

    drawn: DrawnView
    width: int
    """Pixels of the photo, before any reduction."""
    height: int
    photo: str
    render: str
    error: str
    depth: str

    @property
    def size(self) -> int:
        """Bytes in the page."""
        return len(self.photo) + len(self.render) + len(self.error) + len(self.depth)


def compare_views(results: Results, most: int, budget: float) -> tuple[Sequence[Comparison], int | None]:
    """At most `most` views from the worst to the best, in about `budget` bytes; and the longer side, in pixels, that
    their pictures were reduced to, None where nothing was."""
    drawn = results.metrics.views
    shown = [drawn[i] for i in spread([view.psnr_db for view in drawn], most)]
    views = {view.name: view for view in results.scene.views}
    for side in SIDES:
        comparisons = [_compare(view, views[view.name], results.renders, side) for view in shown]
        if sum(comparison.size for comparison in comparisons) <= budget:
            break
    reduced = any(max(comparison.width, comparison.height) > side for comparison in comparisons)
    return comparisons, side if reduced else None


def _compare(drawn: DrawnView, view: View, renders: Listed, side: int) -> Comparison:
    photo, render, depth = read_image(view), renders.picture(drawn.render), renders.picture(drawn.depth)
    pictures = {"photo": photo, "render": render, "error": error_picture(photo, render), "depth": depth}
    uris = {name: jpeg_uri(picture, side) for name, picture in pictures.items()}
    return Comparison(drawn, view.camera.width, view.camera.height, **uris)
