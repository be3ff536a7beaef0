"""Types that several packages share."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

PathLike: TypeAlias = str | os.PathLike[str]
Features: TypeAlias = Mapping[str, Sequence[str]]  #: names of features, by collection

Values: TypeAlias = NDArray[Any]  #: of any dtype
Floats: TypeAlias = NDArray[np.float64]
Float32s: TypeAlias = NDArray[np.float32]
Integers: TypeAlias = NDArray[np.int64]
Integers32: TypeAlias = NDArray[np.int32]
Classes: TypeAlias = NDArray[np.uint8]  #: bins, leaves, symbols
Words: TypeAlias = NDArray[np.uint64]
BitPatterns: TypeAlias = NDArray[np.unsignedinteger[Any]]
DType: TypeAlias = np.dtype[Any]
Columns: TypeAlias = dict[str, Integers32]  #: integers by feature, each of shape (jets,)
