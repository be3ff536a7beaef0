"""ROOT's Double32_t and Float16_t: floats stored in fewer bytes, decoded as ROOT does."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import uproot

if TYPE_CHECKING:
    from atlasae.types import Values

_LEAVES = {"TLeafD32": "Double32_t", "TLeafF16": "Float16_t"}
_ELEMENTS = {  # types of members and of arrays of fixed size
    offset + number: name
    for number, name in (
        (uproot.const.kDouble32, "Double32_t"),
        (uproot.const.kFloat16, "Float16_t"),
    )
    for offset in (0, uproot.const.kOffsetL)
}
_BECOME = {"Double32_t": "double", "Float16_t": "float"}
_MULTIPLES_OF_PI = {"2pi": 2.0, "2*pi": 2.0, "twopi": 2.0, "pi/2": 0.5, "pi/4": 0.25, "pi": 1.0}
_TYPE = re.compile(r"/[df](?=\[)")  # in the title of a leaf, after its name and dimensions
_FLOAT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?")
_EXPONENT_AND_MANTISSA = np.dtype([("exponent", ">u1"), ("mantissa", ">u2")])
_FLOAT16_BITS = 12  # of the mantissa, unless the title says otherwise


@dataclass(frozen=True)
class Encoding:
    """How a float is stored.

    Attributes:
        low: the value that the integer 0 stands for.
        factor: of the integers that stand for values; 0 if floats are stored.
        bits: of the mantissa; 0 if floats of 4 bytes are stored.

    Example:
        >>> Encoding.of("Jet_pt[nJet]/d[0,128,8]", "Double32_t")
        Encoding(low=0.0, factor=2.0, bits=0)
    """

    low: float = 0.0
    factor: float = 0.0
    bits: int = 0

    @classmethod
    def of(cls, title: str, typename: str) -> Encoding:
        """The encoding that ROOT derives from the title of a leaf or member."""
        low, high, bits = _range(title)
        if low < high:
            return cls(low, (2**bits if bits < 32 else 0xFFFFFFFF) / (high - low))
        mantissa = bits if bits < 15 else int(low)
        return cls(bits=mantissa or (_FLOAT16_BITS if typename == "Float16_t" else 0))

    @property
    def stored(self) -> np.dtype[Any]:
        """The dtype in the file."""
        if self.factor:
            return np.dtype(">u4")
        return _EXPONENT_AND_MANTISSA if self.bits else np.dtype(">f4")

    def decode(self, stored: Values, dtype: np.dtype[Any]) -> Values:
        """The values, in ``float32`` or ``float64``."""
        if self.factor:
            return (stored / self.factor + self.low).astype(dtype)
        if not self.bits:
            return stored.astype(dtype)
        sign = 1 << (self.bits + 1)
        mantissa = stored["mantissa"].astype(np.int32)
        bits = stored["exponent"].astype(np.int32) << 23
        bits |= (mantissa & (sign - 1)) << (23 - self.bits)
        values = bits.view(np.float32)
        return np.where(mantissa & sign, -values, values).astype(dtype)


def _range(title: str) -> tuple[float, float, int]:
    """Lowest and highest value, and number of bits, in a title such as ``x[3]/d[0,1,8]``.

    As TStreamerElement does: the first brackets, or else the second, hold them if there is a comma.
    """
    for found in re.findall(r"\[([^\]]*)\]", title)[:2]:
        low, comma, rest = found.partition(",")
        if comma:
            high, _, bits = rest.partition(",")
            digits = re.match(r"\s*([+-]?\d+)", bits)
            number = int(digits[1]) if digits else 32
            return _limit(low), _limit(high), number if 2 <= number <= 32 else 32
    return 0.0, 0.0, 32


def _limit(text: str) -> float:
    """A limit of a range: a number, or a multiple of pi."""
    text = text.lower().replace(" ", "")
    for name, multiple in _MULTIPLES_OF_PI.items():
        if name in text:
            return math.copysign(multiple * math.pi, -1.0 if "-" in text else 1.0)
    number = _FLOAT.match(text)
    return float(number[0]) if number else 0.0


class AsReducedFloat(uproot.AsDtype):  # type: ignore[misc]  # has no types
    """Interprets Double32_t and Float16_t as ROOT does.

    uproot takes ranges of arrays for dimensions, and divides by another factor.

    Args:
        name: ``Double32_t`` or ``Float16_t``.
        encoding: of the values.
        shape: of the values of an entry.

    Attributes:
        name: as given.
        became: the C++ type of what is read.
        encoding: as given.
    """

    def __init__(self, name: str, encoding: Encoding, shape: tuple[int, ...]) -> None:
        self.name = name
        self.became = _BECOME[name]
        dtype = np.dtype("f8" if self.became == "double" else "f4")
        super().__init__(np.dtype((encoding.stored, shape)), np.dtype((dtype, shape)))
        self.encoding = encoding

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, {self.encoding!r}, {self.inner_shape})"

    @property
    def cache_key(self) -> str:
        return repr(self)

    @property
    def typename(self) -> str:
        return self.name + "".join(f"[{size}]" for size in self.inner_shape)

    def basket_array(self, *args: Any, **options: Any) -> Any:
        stored = super().basket_array(*args, **options)
        return self.encoding.decode(stored, self.to_dtype.base)


def reduced_float(branch: Any) -> Any:
    """The interpretation of a branch of Double32_t or Float16_t; None for any other branch.

    Raises:
        ValueError: how the floats are stored is not known.
    """
    leaves = branch.member("fLeaves")
    leaf = leaves[0] if len(leaves) == 1 and not branch.branches else None
    if leaf is None:
        return None
    if name := _LEAVES.get(leaf.classname):
        dimensions = title = leaf.member("fTitle")
        if _TYPE.search(title):
            dimensions, title = _TYPE.split(title, maxsplit=1)
    elif name := _ELEMENTS.get(leaf.all_members.get("fType")):
        if name != getattr(branch.streamer, "typename", ""):
            raise ValueError(f"{name} without a streamer")
        title, dimensions = branch.streamer.title, leaf.member("fTitle")
    else:
        return None
    encoding = Encoding.of(title, name)
    if not 0 <= encoding.bits < 23:
        raise ValueError(f"{name} with a mantissa of {encoding.bits} bits")
    values = AsReducedFloat(name, encoding, fixed_shape(dimensions, leaf.member("fLen")))
    return values if leaf.member("fLeafCount") is None else uproot.AsJagged(values)


def fixed_shape(title: str, size: int) -> tuple[int, ...]:
    """The fixed dimensions in a title such as ``x[n][2][3]``, which make ``size`` values."""
    shape = tuple(int(digits) for digits in re.findall(r"\[(\d+)\]", title))
    return shape if math.prod(shape) == size else (size,)
