"""float32 arithmetic for kernels.

Every literal in a kernel is a float32 of this file: numba would turn `0.5 * x` into float64, half as many to a vector.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from splatsmith.render import constants
from splatsmith.render.cpu.compile import inlined

ZERO, ONE, TWO, HALF = np.float32(0), np.float32(1), np.float32(2), np.float32(0.5)
INFINITY = np.float32(np.inf)
ALPHA_MIN = np.float32(constants.ALPHA_MIN)
ALPHA_MAX = np.float32(constants.ALPHA_MAX)
TRANSMITTANCE_MIN = np.float32(constants.TRANSMITTANCE_MIN)
EXTENT_MAX = np.float32(constants.EXTENT_MAX)
FOV_MARGIN = np.float32(constants.FOV_MARGIN)
TILE = constants.TILE
CACHE_LINE = 16
"""float32 numbers in a cache line, which is also the longest vector of today's processors."""

LOG2_E = np.float32(1.4426950408889634)

_EXPONENT_MIN = np.float32(-125)
_C1, _C2, _C3, _C4, _C5 = (
    np.float32(c) for c in (0.693147004, 0.240222424, 0.0555073358, 0.00967151299, 0.00132647273)
)
"""Polynomial 1 + C1 f + ... for 2^f, |f| <= 1/2, of least relative error among those exact at 0: 9e-8."""


@intrinsic
def _nearest(typing_context, x):
    """Nearest whole number, as one instruction that vectorises."""

    def generate(context, builder, signature, arguments):
        rint = builder.module.declare_intrinsic("llvm.rint", [ir.FloatType()])
        return builder.call(rint, arguments)

    return types.float32(types.float32), generate


@intrinsic
def _scale(typing_context, x, n):
    """x 2^n for a whole float n, by adding n to the exponent's bits of x."""

    def generate(context, builder, signature, arguments):
        i32 = ir.IntType(32)
        bits = builder.bitcast(arguments[0], i32)
        exponent = builder.shl(builder.fptosi(arguments[1], i32), i32(23))
        return builder.bitcast(builder.add(bits, exponent), ir.FloatType())

    return types.float32(types.float32, types.float32), generate


@inlined
def exp2(x):
    """2^x to a relative 2e-7 for -125 <= x <= 127, 2^-125 below. All of it vectorises, where math.exp2 is a call."""
    x = max(x, _EXPONENT_MIN)
    n = _nearest(x)
    f = x - n
    return _scale(((((_C5 * f + _C4) * f + _C3) * f + _C2) * f + _C1) * f + ONE, n)


@inlined
def aligned(size):
    """A new float32 array that begins at a cache line: a row of a tile is one line, which else would straddle two."""
    room = np.empty(size + CACHE_LINE, np.float32)
    skip = -(room.ctypes.data // room.itemsize) % CACHE_LINE
    return room[skip : skip + size]
