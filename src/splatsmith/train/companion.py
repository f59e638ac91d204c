"""What may be trained along with a scene: further columns of every Gaussian, with a loss and a schedule of their own.

The loop calls it at three places: before the first step (`begin`), in every step (`descend`), and wherever rows may
change (`refine`, `follow`). Its columns are optimised, densified and saved with the Gaussians' own.
"""

from collections.abc import Mapping
from typing import Protocol

from torch import Tensor

from splatsmith.gaussians import Gaussians
from splatsmith.gaussians.ops import Rows


class Companion(Protocol):
    """Learns while the scene does. What it draws at random must depend on the step alone, as everything in the loop."""

    @property
    def rates(self) -> Mapping[str, float]:
        """Adam's step sizes of its columns, by name; they stay the same from step to step."""

    def begin(self, gaussians: Gaussians) -> dict[str, Tensor]:
        """Its columns, by name: (N,) or (N, C) float32 each, on the device of the first `gaussians`."""

    def descend(self, gaussians: Gaussians, view: str, step: int) -> Tensor | None:
        """Look at a training view, by its name, and learn: its own parameters descend, the Gaussians' get gradients.

        `gaussians` hold its columns in `extra` and are in the graph; no parameter has a gradient yet. Returns the
        gradient by projected centres (N, 2), in pixels, which then counts for densification as that of the photo does;
        None where it drew nothing. Raises InputError where a value is not finite, as `rasterize` does.
        """

    def refine(self, gaussians: Gaussians, step: int) -> Rows | None:
        """The scene as it should be changed after `step`, its own columns included; None for no change."""

    def follow(self, rows: Rows) -> None:
        """The scene was changed, by the training or as `refine` said. Its columns went along; the rest follows now."""

    def state(self) -> dict:
        """What it holds beside its columns, which `load` brings back: nested dicts of tensors and plain values."""

    def load(self, state: dict) -> None:
        """Go on from a `state`."""
