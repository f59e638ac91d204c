"""What an evaluation found, as JSON takes it and as a table to read."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import groupby

from splatsmith.segment3d.evaluation.selection import RULES, Ids
from splatsmith.segment3d.evaluation.table import PROTOCOLS, Figures, Means, Protocol, Table
from splatsmith.segment3d.evaluation.three_d import Extraction

PLACES = 4
"""Decimals of the figures."""


@dataclass(frozen=True)
class GaussianFigures:
    """The figures of the Gaussians of one segmentation, by number and by footprint: see three_d.py."""

    extractions: Mapping[tuple[Protocol, str], Extraction]
    """By the protocol that chose the numbers, and by `number` or `footprint`."""
    ambiguous: Mapping[str, float]
    """By `number` or `footprint`."""
    undecided: float
    """Share of the Gaussians that are neither on nor off the true surfaces."""


@dataclass(frozen=True)
class Measured:
    """All figures of one segmentation."""

    table: Table
    gaussians: GaussianFigures | None
    """None where no points of the true surfaces are known."""

    @property
    def best_known(self) -> Protocol:
        """The protocol to look at first: by name, unless the segmentation knows no name."""
        named = self.table["named", "soft"].mean
        return "named" if named.missing < named.pairs else "oracle"

    @property
    def ids(self) -> dict[str, Ids]:
        """The numbers of each object under that protocol."""
        return {pair.object: pair.ids for pair in self.table[self.best_known, "soft"].pairs}


def as_json(measured: Measured) -> dict:
    """All figures, None in place of NaN."""
    by_rule = {protocol: {rule: _figures(measured.table[protocol, rule]) for rule in RULES} for protocol in PROTOCOLS}
    gaussians = measured.gaussians
    if gaussians is None:
        return by_rule | {"gaussians": None}
    extractions = [
        {"numbers": protocol, "weights": weights, "accuracy": one.accuracy, "miou": one.miou, "objects": one.objects}
        for (protocol, weights), one in gaussians.extractions.items()
    ]
    told = {"extraction": extractions, "ambiguous": gaussians.ambiguous, "undecided": gaussians.undecided}
    return by_rule | {"gaussians": _rounded(told)}


def markdown(methods: Mapping[str, Measured]) -> str:
    """Two tables in Markdown, in percent: the means of each segmentation, and those of each object."""
    head = ["segmentation", "numbers", "mIoU", "mBIoU", "mIoU, argmax", "mBIoU, argmax", "missing"]
    head += ["accuracy in 3D", "extraction IoU"]
    means = [_means_row(name, measured, protocol) for name, measured in methods.items() for protocol in PROTOCOLS]
    objects = sorted({pair.object for one in methods.values() for pair in one.table["oracle", "soft"].pairs})
    by_object = [[name, *(_object_cell(measured, name) for measured in methods.values())] for name in objects]
    columns = [f"{name}, {measured.best_known}" for name, measured in methods.items()]
    notes = [f"- {protocol}: {words}" for protocol, words in PROTOCOLS.items()]
    return "\n".join(
        [*_rows(head, means), "", *notes, "", *_rows(["object: IoU / boundary IoU", *columns], by_object), ""]
    )


def _means_row(name: str, measured: Measured, protocol: Protocol) -> list[str]:
    soft, argmax = (measured.table[protocol, rule].mean for rule in RULES)
    one = measured.gaussians and measured.gaussians.extractions.get((protocol, "number"))
    in_3d = [percent(one.accuracy), percent(one.miou)] if one else ["", ""]
    figures = map(percent, (soft.miou, soft.mbiou, argmax.miou, argmax.mbiou))
    return [name, protocol, *figures, f"{soft.missing} of {soft.pairs}", *in_3d]


def _object_cell(measured: Measured, name: str) -> str:
    means = measured.table[measured.best_known, "soft"].objects[name]
    return f"{percent(means.miou)} / {percent(means.mbiou)}"


def percent(share: float) -> str:
    """A share in percent to one decimal; a dash for NaN."""
    return "–" if math.isnan(share) else f"{100 * share:.1f}"


def _rows(head: list[str], rows: list[list[str]]) -> list[str]:
    return ["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)]


def _figures(figures: Figures) -> dict:
    objects = {}
    for name, pairs in groupby(figures.pairs, lambda pair: pair.object):
        pairs = list(pairs)
        views = {pair.view: {"iou": pair.iou, "boundary_iou": pair.boundary_iou} for pair in pairs}
        objects[name] = _means(figures.objects[name]) | {"ids": sorted(pairs[0].ids), "views": _rounded(views)}
    return _means(figures.mean) | {"objects": objects}


def _means(means: Means) -> dict:
    return _rounded(asdict(means))


def _rounded(value: object) -> object:
    match value:
        case Mapping():
            return {key: _rounded(item) for key, item in value.items()}
        case list():
            return [_rounded(item) for item in value]
        case float():
            return None if math.isnan(value) else round(value, PLACES)
        case _:
            return value
