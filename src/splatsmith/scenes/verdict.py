"""Whether a capture is fit for training, in figures and in words: `verdict.json` of a prepared scene."""

from dataclasses import asdict, dataclass
from typing import Literal

from splatsmith.scenes.capture import Capture
from splatsmith.scenes.layout import Layout
from splatsmith.scenes.names import pictures_in

GOOD_SHARE = 0.9
GOOD_TRACK = 3.0
GOOD_REPROJECTION_PX = 1.5
GOOD_VIEWS = 20


@dataclass(frozen=True)
class Verdict:
    """What the cameras are worth."""

    verdict: Literal["good", "poor"]
    layout: str
    """Whose scene folder it is."""
    photos: int
    """In the folder."""
    views: int
    """With a pose; a panorama gives six."""
    registered_share: float
    """Of the photos, those with a pose."""
    points: int
    mean_track_length: float | None
    """Photos that see a point, on average."""
    mean_reprojection_px: float | None
    """Distance between a point's projection and where the photo shows it, on average."""
    advice: tuple[str, ...]
    """What to do about it, where it is poor."""
    warnings: tuple[str, ...]

    def as_dict(self) -> dict:
        """For JSON."""
        return asdict(self)

    def __str__(self) -> str:
        words = [f"{round(self.registered_share * self.photos)} of {self.photos} photos have poses"]
        words.append(f"{self.points:,} points")
        if self.mean_track_length is not None and self.mean_reprojection_px is not None:
            words.append(f"each seen by {self.mean_track_length:.1f} photos")
            words.append(f"{self.mean_reprojection_px:.2f} px off")
        return "\n".join([", ".join(words) + f". Verdict: {self.verdict}", *(f"  - {line}" for line in self.advice)])


def judge(capture: Capture, layout: Layout) -> Verdict:
    """The verdict on a capture from the folder that `layout` describes."""
    used = len({shot.image for shot in capture.shots})
    photos = max(used, len(pictures_in(layout.photos)) if layout.kind in ("colmap", "cameras", "photos") else used)
    share = used / photos
    quality = capture.quality
    advice = []
    if share < GOOD_SHARE:
        advice.append(
            f"{photos - used} photos have no pose: take more photos between them and the others, so that neighbours "
            "overlap by two thirds; remove blurred ones; hold exposure and zoom fixed"
        )
    if len(capture.shots) < GOOD_VIEWS:
        advice.append(f"{len(capture.shots)} views are few: with fewer than {GOOD_VIEWS}, expect holes and floaters")
    if not len(capture.points):
        advice.append("there are no points: training begins from random ones, which takes longer and ends less sharp")
    if quality and quality.mean_track_length < GOOD_TRACK:
        advice.append("points are seen by few photos: take photos that overlap more, of surfaces with texture")
    if quality and quality.mean_reprojection_px > GOOD_REPROJECTION_PX:
        advice.append("poses are inexact: use sharp photos of a scene that does not move, with fixed zoom and focus")
    return Verdict(
        verdict="poor" if advice else "good",
        layout=layout.name,
        photos=photos,
        views=len(capture.shots),
        registered_share=round(share, 4),
        points=len(capture.points),
        mean_track_length=round(quality.mean_track_length, 3) if quality else None,
        mean_reprojection_px=round(quality.mean_reprojection_px, 4) if quality else None,
        advice=tuple(advice),
        warnings=tuple(str(warning) for warning in capture.warnings),
    )
