"""Everything-mode: the grid, the crops, and what is sorted out."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from splatsmith.models.everything import Everything, boxes_of, crops, cut_off, everything, grid, stability
from splatsmith.models.nms import box_iou

SIZES = st.tuples(st.integers(40, 400), st.integers(40, 400))
RATIO = 512 / 1500


class Colours:
    """A stand-in for a model: the thing at a point is all that has its colour in the picture it is shown.

    The three masks of a point are that, the same with an unsteady rim, and one that it is not sure of.
    """

    def __init__(self) -> None:
        self.asked: list[int] = []

    def around_points(self, image: np.ndarray, points: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        self.asked.append(len(points))
        x, y = points.astype(int).T
        same = torch.from_numpy(image[None, ..., 0] == image[y, x, 0][:, None, None])
        logits = torch.where(same, 5.0, -5.0)
        unsteady = torch.where(same, 0.5, -0.5)
        doubtful = torch.ones_like(logits)
        scores = torch.tensor([0.95, 0.94, 0.2]).expand(len(points), 3)
        return torch.stack([logits, unsteady, doubtful], dim=1), scores

    def full_size(self, logits: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
        assert logits.shape[1:] == size
        return logits


@pytest.fixture
def things() -> np.ndarray:
    """(200, 300, 3): a background, a large and two small things, none near an edge."""
    image = np.zeros((200, 300, 3), dtype=np.uint8)
    image[50:150, 40:120] = 50
    image[60:75, 200:215] = 100
    image[140:150, 240:252] = 150
    return image


def sizes(found: list) -> list[int]:
    return sorted(int(one.mask.sum()) for one in found)


def test_each_thing_is_found_once(things):
    model = Colours()
    found = everything(model, things, Everything(points_per_side=20, points_per_batch=64))
    assert sizes(found) == [120, 225, 8000, 200 * 300 - 120 - 225 - 8000]
    assert model.asked == [64] * 6 + [16]
    for one in found:
        x, y = one.point.astype(int)
        assert one.mask[y, x]
        assert one.stability == 1.0
        rows, columns = np.nonzero(one.mask)
        assert one.box.tolist() == [columns.min(), rows.min(), columns.max(), rows.max()]
        assert one.mask.shape == (200, 300)


def test_crops_find_what_the_grid_over_the_whole_misses(things):
    coarse = Everything(points_per_side=8)
    assert 120 not in sizes(everything(Colours(), things, coarse))
    finer = everything(Colours(), things, Everything(points_per_side=8, crop_n_layers=1))
    small = next(one for one in finer if one.mask.sum() == 120)
    assert small.mask[140:150, 240:252].all()
    assert small.box.tolist() == [240, 140, 251, 149]


def test_what_a_crop_cuts_off_is_left_to_the_whole_picture(things):
    found = everything(
        Colours(), things, Everything(points_per_side=20, crop_n_layers=1, crop_n_points_downscale_factor=2)
    )
    assert sizes(found) == [120, 225, 8000, 200 * 300 - 120 - 225 - 8000]


def test_thresholds_that_nothing_passes_leave_nothing(things):
    assert everything(Colours(), things, Everything(points_per_side=4, pred_iou_thresh=0.99)) == []
    assert everything(Colours(), things, Everything(points_per_side=4, pred_iou_thresh=0.99, crop_n_layers=1)) == []


def test_unsteady_masks_are_found_when_asked_for(things):
    loose = Everything(points_per_side=8, stability_score_thresh=0.0, box_nms_thresh=1.0)
    assert {one.stability for one in everything(Colours(), things, loose)} == {0.0, 1.0}


@given(SIZES, st.integers(0, 3))
def test_crops_cover_the_picture_and_are_the_official_ones(size, layers):
    from transformers.models.sam.image_processing_pil_sam import _generate_per_layer_crops

    found = crops(size, layers, RATIO)
    boxes, of_layer = _generate_per_layer_crops(layers, RATIO, size)
    assert [(list(box), layer) for box, layer in found] == list(zip(boxes, of_layer, strict=True))
    for layer in range(layers + 1):
        covered = np.zeros(size, dtype=bool)
        for (x0, y0, x1, y1), own in found:
            if own == layer:
                covered[y0:y1, x0:x1] = True
        assert covered.all()


@pytest.mark.parametrize("side", [1, 2, 5, 32])
def test_the_grid_is_the_official_one(side):
    from transformers.models.sam.image_processing_pil_sam import _build_point_grid

    assert np.allclose(grid(side), _build_point_grid(side), atol=1e-7)


@given(st.integers(0, 2**32 - 1))
def test_boxes_and_stability_are_the_official_ones(seed):
    from transformers.models.sam.image_processing_pil_sam import _batched_mask_to_box, _compute_stability_score

    draw = np.random.default_rng(seed)
    logits = torch.from_numpy(draw.standard_normal((6, 9, 7)) * 2 - 3)
    logits[0] = -9
    masks = logits > 0
    assert torch.equal(boxes_of(masks), _batched_mask_to_box(masks))
    assert torch.allclose(stability(logits, 1.0), _compute_stability_score(logits, 0.0, 1.0).nan_to_num(0.0))


@given(SIZES, st.integers(0, 2**32 - 1))
def test_what_is_cut_off_is_what_the_official_code_says(size, seed):
    from transformers.models.sam.image_processing_pil_sam import _is_box_near_crop_edge

    draw = np.random.default_rng(seed)
    x0, y0 = (int(draw.integers(0, n // 2)) for n in size[::-1])
    crop = (x0, y0, int(draw.integers(x0 + 10, size[1] + 1)), int(draw.integers(y0 + 10, size[0] + 1)))
    low = draw.integers(0, 20, 2)
    box = np.concatenate([low, low + draw.integers(0, [crop[2] - x0, crop[3] - y0])])
    (official,) = _is_box_near_crop_edge(torch.from_numpy(box)[None], crop, [0, 0, size[1], size[0]])
    assert cut_off(box + [x0, y0, x0, y0], crop, size) == official


def test_no_two_masks_of_a_picture_are_nearly_the_same(things):
    found = everything(Colours(), things, Everything(points_per_side=8))
    overlaps = box_iou(np.stack([one.box for one in found]))
    assert overlaps[~np.eye(len(found), dtype=bool)].max() <= 0.7
