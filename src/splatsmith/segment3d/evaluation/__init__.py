"""How good a segmentation is, where the truth is known: its masks of views, and its labels of Gaussians."""

from splatsmith.segment3d.evaluation.protocols import evaluate_maps, evaluate_masks
from splatsmith.segment3d.evaluation.selection import Prediction, detected_ids, named_ids
from splatsmith.segment3d.evaluation.table import Figures, Means, Pair, Table

__all__ = [
    "Figures",
    "Means",
    "Pair",
    "Prediction",
    "Table",
    "detected_ids",
    "evaluate_maps",
    "evaluate_masks",
    "named_ids",
]
