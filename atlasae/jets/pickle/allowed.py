"""The names that a pickle of jets may use; every other name is refused.

Each name has a kind, which says what the reader takes it for. A name of the kind ``ignored`` may
appear, but the reader does not use what the pickle would build with it.
"""

from __future__ import annotations

_NAMES_BY_KIND = {
    "array": "numpy.core.multiarray._reconstruct numpy._core.multiarray._reconstruct",
    "buffer": "numpy.core.numeric._frombuffer numpy._core.numeric._frombuffer",
    "ndarray": "numpy.ndarray",
    "dtype": "numpy.dtype",
    "scalar": "numpy.core.multiarray.scalar numpy._core.multiarray.scalar",
    "slice": "builtins.slice __builtin__.slice",
    "encoded bytes": "_codecs.encode",
    "bytes object": "builtins.bytes __builtin__.bytes builtins.bytearray __builtin__.bytearray",
    "frame": "pandas.DataFrame pandas.core.frame.DataFrame",
    "manager": "pandas.core.internals.managers.BlockManager pandas.core.internals.BlockManager",
    "block": "pandas._libs.internals._unpickle_block",
    "index": "pandas.core.indexes.base._new_Index pandas.indexes.base._new_Index"
    " pandas.core.index._new_Index",
    "strings": "pandas._libs.arrays.__pyx_unpickle_NDArrayBacked",
    "arrow strings": "pandas.arrays.ArrowStringArray"
    " pandas.core.arrays.string_arrow.ArrowStringArray"
    " pandas.core.arrays.string_arrow.ArrowStringArrayNumpySemantics",
    "arrow chunks": "pyarrow.lib.chunked_array",
    "arrow array": "pyarrow.lib._restore_array",
    "arrow buffer": "pyarrow.lib.py_buffer",
    "arrow type": "pyarrow.lib.type_for_alias",
    "ignored": "pandas.Series pandas.core.series.Series"
    " pandas.core.internals.managers.SingleBlockManager"
    " pandas.core.indexes.frozen.FrozenList pandas.core.indexes.frozen.FrozenNDArray"
    " pandas.core.indexes.datetimes._new_DatetimeIndex"
    " pandas.NA pandas._libs.missing.NA",
}
_IGNORED_CLASSES_BY_MODULES = {
    "pandas pandas.core.indexes.base pandas.core.indexes.numeric pandas.core.indexes.range"
    " pandas.core.indexes.multi pandas.core.indexes.datetimes pandas.indexes.base"
    " pandas.indexes.numeric pandas.indexes.range pandas.core.index": "Index RangeIndex"
    " Int64Index UInt64Index Float64Index MultiIndex DatetimeIndex",
    "pandas pandas.arrays pandas.core.arrays.string_ pandas.core.arrays.integer"
    " pandas.core.arrays.floating pandas.core.arrays.boolean pandas.core.arrays.categorical"
    " pandas.core.arrays.datetimes pandas.core.dtypes.dtypes": "StringArray StringDtype"
    " IntegerArray Int64Dtype FloatingArray Float64Dtype BooleanArray BooleanDtype"
    " Categorical CategoricalDtype DatetimeArray",
}

KIND_BY_NAME = {name: kind for kind, names in _NAMES_BY_KIND.items() for name in names.split()} | {
    f"{module}.{name}": "ignored"
    for modules, names in _IGNORED_CLASSES_BY_MODULES.items()
    for module in modules.split()
    for name in names.split()
}
