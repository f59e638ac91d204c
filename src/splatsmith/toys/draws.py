"""Random numbers that depend on a seed, a picture's index and a name, and on nothing else.

A counter-based hash instead of a generator with a state: picture i looks the same whatever is drawn before it or beside
it, on every device, and a new draw leaves the old ones as they were.
"""

import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import torch
from torch import Tensor

Word = TypeVar("Word", int, Tensor)


@dataclass(frozen=True)
class Draws:
    """The random source of n pictures."""

    seed: int
    index: Tensor
    """(n,) int64, the pictures' numbers in their family."""

    @cached_property
    def _scrambled(self) -> Tensor:
        return scramble(self.index)

    def uniform(self, name: str, low: float = 0.0, high: float = 1.0) -> Tensor:
        """(n,) float32, at least `low` and below `high` but for rounding."""
        key = scramble(zlib.crc32(name.encode()) ^ scramble(self.seed))
        return low + (high - low) * ((scramble(self._scrambled ^ key) >> 8).float() / 2**24)

    def choice(self, name: str, weights: tuple[float, ...]) -> Tensor:
        """(n,) int64 index into `weights`, chosen in proportion to them."""
        edges = torch.tensor(weights, device=self.index.device).cumsum(0)
        chosen = torch.searchsorted(edges, self.uniform(name) * edges[-1], right=True)
        return chosen.clamp_max(len(weights) - 1)

    def number(self, name: str, count: int) -> Tensor:
        """(n,) int64 in 0..count-1, all equally likely."""
        return (self.uniform(name) * count).long()

    def chance(self, name: str, probability: float) -> Tensor:
        """(n,) bool, true with the given probability."""
        return self.uniform(name) < probability

    def of(self, rows: Tensor) -> "Draws":
        """The same source for some of the pictures."""
        return Draws(self.seed, self.index[rows])


def scramble(x: Word) -> Word:
    """A bijection of 32-bit words (ints, or in int64) that mixes all their bits: lowbias32, by C. Wellons."""
    x = x & 0xFFFFFFFF
    x = ((x ^ (x >> 16)) * 0x7FEB352D) & 0xFFFFFFFF
    x = ((x ^ (x >> 15)) * 0x846CA68B) & 0xFFFFFFFF
    return x ^ (x >> 16)
