"""The kernels of ``exact_network``; their references are there."""

from __future__ import annotations

from numba import float32, int32

from atlasae.exact_math import TANH_LIMIT, TANH_SCALE, TO_WHOLE, WHOLE_BITS
from atlasae.kernel_compiler import kernel
from atlasae.kernel_math import bits_of_float32, float32_of_bits, narrow_exp2_of_fraction


@kernel("void(float32[:,:,::1], float32[:,::1], float32[::1], float32[:,:,::1])")
def apply_layer(x, weight, bias, out):
    inputs, outputs = weight.shape
    whole = inputs - inputs % 8
    for block in range(len(x)):
        for j in range(outputs):
            own = out[block, j]
            first = bias[j]
            for lane in range(len(own)):
                own[lane] = first
            for i in range(0, whole, 8):  # eight inputs at a time, added in their order
                w0, w1, w2, w3 = weight[i, j], weight[i + 1, j], weight[i + 2, j], weight[i + 3, j]
                w4, w5, w6, w7 = (
                    weight[i + 4, j], weight[i + 5, j], weight[i + 6, j], weight[i + 7, j],
                )  # fmt: skip
                x0, x1, x2, x3 = x[block, i], x[block, i + 1], x[block, i + 2], x[block, i + 3]
                x4, x5, x6, x7 = x[block, i + 4], x[block, i + 5], x[block, i + 6], x[block, i + 7]
                for lane in range(len(own)):
                    total = own[lane] + w0 * x0[lane] + w1 * x1[lane] + w2 * x2[lane]
                    total = total + w3 * x3[lane] + w4 * x4[lane] + w5 * x5[lane]
                    own[lane] = total + w6 * x6[lane] + w7 * x7[lane]
            for i in range(whole, inputs):
                w = weight[i, j]
                values = x[block, i]
                for lane in range(len(own)):
                    own[lane] += w * values[lane]


@kernel("void(float32[::1])")
def apply_tanh(h):
    for i in range(len(h)):
        value = h[i]
        size = abs(value)
        if size > TANH_LIMIT:  # noqa: PLR1730  (with min, NaN would not stay)
            size = TANH_LIMIT
        exponent = size * TANH_SCALE
        shifted = exponent + TO_WHOLE
        scale = float32_of_bits((bits_of_float32(shifted) - int32(WHOLE_BITS - 127)) << int32(23))
        power = narrow_exp2_of_fraction(exponent - (shifted - TO_WHOLE)) * scale
        result = (float32(1) - power) / (float32(1) + power)
        h[i] = -result if value < 0 else result
