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

_LOG2_E = np.float32(1.4426950408889634)
_EXPONENT_MIN = np.float32(-126)
_C1, _C2, _C3, _C4, _C5, _C6 = (
    np.float32(np.log(2) ** k / factorial) for k, factorial in ((1, 1), (2, 2), (3, 6), (4, 24), (5, 120), (6, 720))
)


@intrinsic
def _floor(typing_context, x):
    """Largest whole number <= x, as one instruction that vectorises."""

    def generate(context, builder, signature, arguments):
        floor = builder.module.declare_intrinsic("llvm.floor", [ir.FloatType()])
        return builder.call(floor, arguments)

    return types.float32(types.float32), generate


@intrinsic
def _two_to_the(typing_context, n):
    """2^n of a whole float n in -126..127, by writing n into the exponent's bits."""

    def generate(context, builder, signature, arguments):
        i32 = ir.IntType(32)
        biased = builder.add(builder.fptosi(arguments[0], i32), i32(127))
        return builder.bitcast(builder.shl(biased, i32(23)), ir.FloatType())

    return types.float32(types.float32), generate


@inlined
def exp(x):
    """e^x to a relative 2e-7 for x <= 88; e^-87 below. Made of operations that vectorise, where math.exp is a call."""
    y = max(x * _LOG2_E, _EXPONENT_MIN)
    n = _floor(y + HALF)
    f = y - n
    return _two_to_the(n) * ((((((_C6 * f + _C5) * f + _C4) * f + _C3) * f + _C2) * f + _C1) * f + ONE)
