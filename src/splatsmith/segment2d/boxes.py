"""The source `boxes`: a box or a few points in one view are enough, and no model is needed.

    1. In the views where an object is shown, GrabCut parts it from its surroundings, by colour and by depth.
    2. These cuts are lifted onto the trained Gaussians as evidence, and spread to their neighbours (spreading.py).
    3. The Gaussians are drawn into every view; there GrabCut moves the boundary to where the photo has it, and where
       the result agrees with the drawing, it becomes evidence too. This is repeated.

A view's confidence in an object is the overlap of what was drawn with what was cut, times the share of the mask that is
known at all.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from splatsmith.base.errors import InputError, Problem
from splatsmith.base.progress import Progress
from splatsmith.gaussians import Gaussians
from splatsmith.render import Backend, accumulate_view, render_view
from splatsmith.render.choice import device_of
from splatsmith.scenes.cameras import View
from splatsmith.scenes.description import Object
from splatsmith.scenes.prepared import read_image
from splatsmith.segment2d import grabcut, spreading
from splatsmith.segment2d.masks import Found, Mask, Request, ViewMasks

ROUNDS = 2
INSIDE_A_BOX = 0.3
"""Weight of evidence against an object in its own box, where GrabCut may well have cut off a part."""
POINT_RADIUS = 0.015
"""Of the disc that a point stands for, as a share of the picture's diagonal."""
ALIKE = 24.0
"""Grey levels of the features within which a pixel is like the discs around the points, beside three deviations."""
SURE, UNLIKELY = 0.9, 0.1
"""Probabilities beyond which a pixel away from the boundary is settled."""
BAND = 2
"""Pixels on either side of the boundary that a cut may always move."""
MARGIN = 12
"""Pixels around an object that take part in a cut."""
AGREEMENT = 0.5
"""Overlap (IoU) with the drawing below which a cut is not believed."""
DOUBT = 0.7
"""Confidence below which a view is flagged."""
VISIBLE = 20
"""Pixels that an object must have in a view to count as seen."""
FAINTEST = 0.2
"""Least weight of a pixel's evidence."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """What the Gaussians say of one view's pixels."""

    probability: np.ndarray
    """(H, W, C)."""
    known: np.ndarray
    """(H, W, C). How well that is known, 0 to 1."""

    @property
    def labels(self) -> np.ndarray:
        """(H, W) int64. The likeliest object, from 1; 0 where none is likelier than all of them not being there."""
        none = np.clip(1 - self.probability, 0, 1).prod(axis=2, keepdims=True)
        return np.concatenate([none, self.probability], axis=2).argmax(axis=2)


class Boxes:
    """The source. It has no settings."""

    def find(self, request: Request) -> Found:
        """Raises InputError where no object has a box or a point in any view, or there is no trained scene."""
        shown = [one for one in request.objects if one.boxes or one.points]
        if not shown or request.gaussians is None:
            fix = "give an object of description.yml a box in one photo, e.g. `boxes: {frame_003: [12, 40, 88, 120]}`"
            raise InputError(Problem("no object has a box or a point", "description.yml: objects", fix))
        fix = "give it a box in one photo that shows it whole"
        missing = {one.name: f"it has neither a box nor a point: {fix}" for one in request.objects if one not in shown}
        return Found("background", _views(request, shown, missing), missing)


def _views(request: Request, objects: Sequence[Object], missing: dict[str, str]) -> Iterator[tuple[str, ViewMasks]]:
    carrier = _Carrier(request.gaussians, request.backend)
    views = request.scene.views
    pictures = {view.name: carrier.features(view) for view in views}
    seeds = _seeds(objects, views, pictures)
    training = {view.name for view in request.scene.train_views or views}
    most = np.max([carrier.lift(view, np.ones((*_size(view), 1)))[:, 0] for view in views], axis=0)
    first = carrier.evidence(views, {name: _seed_weights(cuts, len(objects)) for name, cuts in seeds.items()})
    likely, known = carrier.spread(*first, most, first[0])
    cuts: dict[str, list[np.ndarray]] = {}
    with Progress("boxes", ROUNDS * len(views), "views") as bar:
        for _ in range(ROUNDS):
            weights = {}
            for view in views:
                drawn = carrier.draw(view, likely, known)
                cuts[view.name] = _recut(drawn, pictures[view.name], seeds.get(view.name, {}))
                if view.name in training:
                    weights[view.name] = _weights(drawn, cuts[view.name])
                bar.advance()
            likely, known = carrier.spread(*carrier.evidence(views, weights), most, first[0])
    seen = set()
    for view in views:
        masks = _answer(carrier.draw(view, likely, known), cuts[view.name], objects)
        seen |= {mask.object for mask in masks.masks}
        yield view.name, masks
    for one in objects:
        if one.name not in seen:
            missing[one.name] = "nothing of it could be cut out of its surroundings: draw its box tighter, or add one"


class _Carrier:
    """The trained scene, which carries what is known from view to view."""

    def __init__(self, gaussians: Gaussians, backend: Backend):
        self._graph = spreading.graph_of(gaussians.map(lambda column: column.cpu()))
        self._device, self._backend = device_of(backend), backend
        self._gaussians = gaussians.map(lambda column: column.to(self._device))

    def features(self, view: View) -> np.ndarray:
        """What GrabCut looks at."""
        drawn = render_view(self._gaussians, view.camera, view.T_camera_world, depth=True, backend=self._backend)
        return grabcut.features(read_image(view), drawn.expected_depth.detach().cpu().numpy())

    def lift(self, view: View, weights: np.ndarray) -> np.ndarray:
        """(N, C). Sum over pixels of what each shows of a Gaussian, times weights (H, W, C)."""
        values = torch.as_tensor(np.ascontiguousarray(weights, dtype=np.float32), device=self._device)
        lifted = accumulate_view(self._gaussians, view.camera, view.T_camera_world, values, backend=self._backend)
        return lifted.cpu().numpy()

    def evidence(self, views: Sequence[View], weights: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """(N, C) for and (N, C) against each object, of weights (H, W, 2 C) by view: the fors, then the againsts."""
        total = sum(self.lift(view, weights[view.name]) for view in views if view.name in weights)
        half = total.shape[1] // 2
        return total[:, :half], total[:, half:]

    def spread(
        self, given: np.ndarray, against: np.ndarray, most: np.ndarray, first: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """How likely each Gaussian is each object's (N, C), and how well that is known (N, C)."""
        likely, known = spreading.spread(self._graph, given, against, most)
        return spreading.without_crumbs(self._graph, likely, first), known

    def draw(self, view: View, likely: np.ndarray, known: np.ndarray) -> Drawn:
        """The objects as a view shows them."""
        colors = torch.as_tensor(np.concatenate([likely * known, known], axis=1), device=self._device)
        drawing = {"colors": colors, "backend": self._backend}
        drawn = render_view(self._gaussians, view.camera, view.T_camera_world, **drawing)
        image, alpha = drawn.image.cpu().numpy(), drawn.alpha.cpu().numpy()
        mass, weight = np.split(image, 2, axis=2)
        beyond = 1 - alpha[..., None]  # what shines through to where nothing is, is no object
        probability = np.where(weight > 1e-3, mass / np.maximum(weight + beyond, 1e-6), 0)
        return Drawn(probability, weight / np.maximum(alpha, 1e-6)[..., None])


def _size(view: View) -> tuple[int, int]:
    return view.camera.height, view.camera.width


def _seeds(
    objects: Sequence[Object], views: Sequence[View], pictures: dict[str, np.ndarray]
) -> dict[str, dict[int, tuple[np.ndarray, np.ndarray]]]:
    """By view and by the object's position: its first mask, and where it must lie, both (H, W) bool."""
    seeds: dict[str, dict[int, tuple[np.ndarray, np.ndarray]]] = {}
    for view in views:
        for c, one in enumerate(objects):
            trimap = _first_trimap(one, view, pictures[view.name])
            if trimap is None:
                continue
            room = trimap != grabcut.BACKGROUND
            place = grabcut.around(room, max(_size(view)) // 8)
            found = grabcut.cut(pictures[view.name][place], trimap[place], iterations=5)
            mask = np.zeros(_size(view), bool)
            likely = trimap == (grabcut.MAYBE_OBJECT if one.boxes.get(view.name) else grabcut.OBJECT)
            mask[place] = likely[place] if found is None or not found.any() else found
            seeds.setdefault(view.name, {})[c] = mask, room
    return seeds


def _first_trimap(one: Object, view: View, picture: np.ndarray) -> np.ndarray | None:
    """(H, W): the object may be all of its box, or what is like its points and hangs together with them; discs around
    the points it is for certain. None where it has neither."""
    box, points = one.boxes.get(view.name), one.points.get(view.name, ())
    if box is None and not points:
        return None
    height, width = _size(view)
    trimap = np.full((height, width), grabcut.BACKGROUND if box else grabcut.MAYBE_BACKGROUND, np.uint8)
    if box:
        x0, y0, x1, y1 = (round(edge) for edge in box)
        trimap[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)] = grabcut.MAYBE_OBJECT
    v, u = np.mgrid[:height, :width] + 0.5
    if points:
        away = np.min([np.hypot(u - x, v - y) for x, y in points], axis=0) / np.hypot(width, height)
        disc = away < max(POINT_RADIUS, away.min() + 1e-9)
        if not box:
            trimap[_grown(picture, disc)] = grabcut.MAYBE_OBJECT
        trimap[disc] = grabcut.OBJECT
    return trimap


def _grown(picture: np.ndarray, disc: np.ndarray) -> np.ndarray:
    """(H, W) bool. The pixels that look like those of `disc` and hang together with them."""
    from scipy.ndimage import label

    inside = picture[disc].astype(np.float32)
    alike = np.abs(picture - inside.mean(axis=0)) < np.maximum(3 * inside.std(axis=0), ALIKE)
    pieces, _ = label(alike.all(axis=2) | disc)
    return np.isin(pieces, np.unique(pieces[disc]))


def _seed_weights(cuts: dict[int, tuple[np.ndarray, np.ndarray]], count: int) -> np.ndarray:
    """(H, W, 2 C). Evidence of the views where objects are shown."""
    height, width = next(iter(cuts.values()))[0].shape
    weights = np.zeros((height, width, 2 * count), np.float32)
    for c, (mask, room) in cuts.items():
        weights[..., c] = mask
        weights[..., count + c] = ~mask * np.where(room, INSIDE_A_BOX, 1.0)
    return weights


def _recut(
    drawn: Drawn, picture: np.ndarray, seeds: dict[int, tuple[np.ndarray, np.ndarray]]
) -> list[tuple[np.ndarray, float]]:
    """Each object's mask (H, W) bool in a view, its boundary as the photo has it, and the confidence in it."""
    labels, found = drawn.labels, []
    for c in range(drawn.probability.shape[2]):
        hard = labels == c + 1
        if c in seeds:
            found.append((seeds[c][0], 1.0))
            continue
        mask = _cut_at_boundary(drawn, c, hard, picture) if hard.sum() >= VISIBLE else None
        overlap = 0.0 if mask is None else _iou(mask, hard)
        found.append((mask, overlap) if overlap >= AGREEMENT else (hard, 1.0 if not hard.any() else AGREEMENT / 2))
    return found


def _cut_at_boundary(drawn: Drawn, c: int, hard: np.ndarray, picture: np.ndarray) -> np.ndarray | None:
    import cv2

    place = grabcut.around(hard, MARGIN)
    mine, p = hard[place].astype(np.uint8), drawn.probability[..., c][place]
    others = np.delete(drawn.probability, c, axis=2).max(axis=2, initial=0)[place]
    disk = np.ones((3, 3), np.uint8)
    deep, far = cv2.erode(mine, disk, iterations=BAND) > 0, cv2.dilate(mine, disk, iterations=BAND) == 0
    trimap = np.where(mine > 0, grabcut.MAYBE_OBJECT, grabcut.MAYBE_BACKGROUND)
    trimap[deep & (p > SURE)] = grabcut.OBJECT
    trimap[(far & (p < UNLIKELY)) | (others > SURE)] = grabcut.BACKGROUND
    found = grabcut.cut(picture[place], trimap, iterations=2)
    if found is None:
        return None
    mask = np.zeros_like(hard)
    mask[place] = found
    return mask


def _weights(drawn: Drawn, cuts: list[tuple[np.ndarray, float]]) -> np.ndarray:
    """(H, W, 2 C). Evidence of a view, weighted by how well it is known and how far cut and drawing agree."""
    labels, count = drawn.labels, len(cuts)
    weights = np.zeros((*labels.shape, 2 * count), np.float32)
    for c, (mask, confidence) in enumerate(cuts):
        near = mask | (drawn.probability[..., c] > 0.05)
        weight = np.maximum(drawn.known[..., c], FAINTEST) * np.where(mask == (labels == c + 1), 1.0, 0.3)
        weight *= np.where(near, confidence**2, 1.0)
        weights[..., c], weights[..., count + c] = mask * weight, ~mask * weight
    return weights


def _answer(drawn: Drawn, cuts: list[tuple[np.ndarray, float]], objects: Sequence[Object]) -> ViewMasks:
    """What is drawn at the end, with the confidence of the last cut; doubtful objects are flagged."""
    labels, masks, flags = drawn.labels, [], []
    numbered = np.zeros(labels.shape, np.uint16)
    for c, one in enumerate(objects):
        mask = labels == c + 1
        if mask.sum() < VISIBLE:
            continue
        score = round(float(cuts[c][1] * np.clip(drawn.known[..., c][mask].mean(), 0, 1)), 4)
        masks.append(Mask(object=one.name, score=score, track=c))
        numbered[mask] = len(masks)
        if cuts[c][1] < DOUBT:
            flags.append(f"{one.name}: photo and scene disagree about its outline")
    return ViewMasks(numbered, tuple(masks), tuple(flags))


def _iou(a: np.ndarray, b: np.ndarray) -> float:
    union = (a | b).sum()
    return float((a & b).sum() / union) if union else 0.0
