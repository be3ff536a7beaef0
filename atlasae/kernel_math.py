"""The functions of ``exact_math`` for the scalars of kernels, and the bits of floats."""

from __future__ import annotations

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from atlasae import exact_math

cos_sin = njit(exact_math.cos_sin)
arctan2 = njit(exact_math.arctan2)
wrap = njit(exact_math.wrap)
exp2_of_fraction = njit(exact_math.exp2_of_fraction)
narrow_exp2_of_fraction = njit(exact_math.narrow_exp2_of_fraction)
log2_of_mantissa = njit(exact_math.log2_of_mantissa)


def _bitcast(given, wanted, wanted_ir):
    @intrinsic
    def cast(_context, _value):
        def generate(_context, builder, _signature, arguments):
            return builder.bitcast(arguments[0], wanted_ir)

        return wanted(given), generate

    return cast


bits_of_float32 = _bitcast(types.float32, types.int32, ir.IntType(32))
float32_of_bits = _bitcast(types.int32, types.float32, ir.FloatType())
bits_of_float64 = _bitcast(types.float64, types.int64, ir.IntType(64))
float64_of_bits = _bitcast(types.int64, types.float64, ir.DoubleType())


@intrinsic
def _root32(_context, _number):
    """The square root, by the instruction of the processor: numba would call a library."""

    def generate(_context, builder, _signature, arguments):
        root = builder.module.declare_intrinsic("llvm.sqrt", [ir.FloatType()])
        return builder.call(root, arguments)

    return types.float32(types.float32), generate


@njit
def root32(number):
    """The square root of a float32."""
    return _root32(number)


@intrinsic
def product32(_context, _one, _other):
    """The low 32 bits of a product: numba would multiply in 64."""

    def generate(_context, builder, _signature, arguments):
        return builder.mul(*arguments)

    return types.int32(types.int32, types.int32), generate


@intrinsic
def sum32(_context, _one, _other):
    """The low 32 bits of a sum."""

    def generate(_context, builder, _signature, arguments):
        return builder.add(*arguments)

    return types.int32(types.int32, types.int32), generate


@intrinsic
def folded32(_context, _bits, _by):
    """32 bits, and by exclusive or the same, shifted down."""

    def generate(_context, builder, _signature, arguments):
        return builder.xor(arguments[0], builder.lshr(*arguments))

    return types.int32(types.int32, types.int32), generate
