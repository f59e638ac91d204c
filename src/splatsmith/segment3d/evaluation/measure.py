"""All figures of one segmentation, from its folder.

maps/<view>.npz   soft maps of views (see scenes/label_maps.py)
legend.json       what their numbers mean
point_cloud.ply   the Gaussians, with scores.npz (see segment3d/scores.py)
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from splatsmith.scenes.cameras import View
from splatsmith.scenes.label_maps import LEGEND_NAME, read_legend, read_soft_map
from splatsmith.segment3d.evaluation.ground_truth import Truth
from splatsmith.segment3d.evaluation.protocols import evaluate_masks
from splatsmith.segment3d.evaluation.selection import Ids, Prediction, named_ids
from splatsmith.segment3d.evaluation.summary import GaussianFigures, Measured
from splatsmith.segment3d.evaluation.table import Protocol
from splatsmith.segment3d.evaluation.three_d import (
    UNDECIDED,
    SurfacePoints,
    ambiguous_share,
    extraction,
    footprints,
    true_labels,
)
from splatsmith.segment3d.scores import Scores, read_scores

if TYPE_CHECKING:
    from splatsmith.gaussians import Gaussians


def measure(folder: Path, truth: Truth, points: SurfacePoints | None, views: Sequence[View]) -> Measured:
    """Measure a segmentation. `views` weigh its Gaussians. Raises InputError where a file is missing or damaged.

    A view with truth and without a map counts as a missing prediction.
    """
    named = named_ids(read_legend(folder / LEGEND_NAME), truth.names.values())
    drawn = {view: prediction for view in truth.masks if (prediction := read_prediction(folder, view)) is not None}
    table = evaluate_masks(drawn, truth.masks, named)
    if points is None:
        return Measured(table, None)
    from splatsmith.gaussians.ply import read_ply

    ply = folder / "point_cloud.ply"
    chosen: dict[Protocol, Mapping[str, Ids]] = {
        "named": named,
        "oracle": {pair.object: pair.ids for pair in table["oracle", "soft"].pairs},
    }
    scores = read_scores(folder / "scores.npz", ply)
    return Measured(table, gaussian_figures(read_ply(ply), scores, truth.names, chosen, points, views))


def read_prediction(folder: Path, view: str) -> Prediction | None:
    """The soft map of a view, or None where it was not drawn. Raises InputError where it is damaged."""
    path = folder / "maps" / f"{view}.npz"
    return Prediction(read_soft_map(path)) if path.exists() else None


def gaussian_figures(
    gaussians: "Gaussians",
    scores: Scores,
    names: Mapping[int, str],
    chosen: Mapping[Protocol, Mapping[str, Ids]],
    points: SurfacePoints,
    views: Sequence[View],
) -> GaussianFigures:
    """Measure N Gaussians by their likeliest numbers.

    names: the objects by their numbers in the truth. chosen: the numbers of the scores for each, by protocol.
    """
    labels = np.where(scores.seen, scores.ids[:, 0], 0)
    truth = true_labels(gaussians.means.detach().double().cpu().numpy(), points)
    weights = {"number": np.ones(len(labels)), "footprint": footprints(gaussians, views)}
    return GaussianFigures(
        {
            (protocol, kind): extraction(labels, truth, names, ids, weight)
            for protocol, ids in chosen.items()
            for kind, weight in weights.items()
        },
        {kind: ambiguous_share(scores, weight) for kind, weight in weights.items()},
        float((truth == UNDECIDED).mean()),
    )
