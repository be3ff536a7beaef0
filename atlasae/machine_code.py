"""Compiling kernels with numba, storing their machine code, and loading it without numba.

A kernel is a function of arrays and numbers that raises nothing and allocates nothing. Modules of
kernels mark them with ``kernel`` and list themselves in ``KERNEL_MODULES``.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib
import json
import os
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from atlasae.atomic_write import atomic_write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KERNEL_MODULES = (
    "atlasae.coding.kernels",
    "atlasae.density.kernels",
    "atlasae.density.rank_kernels",
    "atlasae.quantization.kernels",
)
_SOURCES = (
    "coding",
    "density",
    "quantization",
    "exact_math.py",
    "kernel_math.py",
    "machine_code.py",
)
_HASH_BYTES = 32
# numba frees arrays that nothing refers to; those of a kernel belong to the caller
_NO_OWNER = "define void @NRT_MemInfo_call_dtor(ptr %0) {\n  ret void\n}"
_PLAIN_C = {"memcpy", "memmove", "memset"}  # that machine code may call


class Kernel(NamedTuple):
    """A compiled kernel.

    Attributes:
        symbol: its name in the machine code.
        arguments: of each argument the dtype and, for an array, the number of dimensions.
        result: dtype of the result; empty where there is none.
        code: the machine code, an object file.
    """

    symbol: str
    arguments: list[tuple[str, int]]
    result: str
    code: bytes


def kernel(signature: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Mark a function as a kernel with a signature in numba's notation."""

    def mark(function: Callable[..., Any]) -> Callable[..., Any]:
        function.signature = signature  # type: ignore[attr-defined]
        return function

    return mark


def compile_kernels() -> dict[str, Kernel]:
    """Compile all kernels by numba, by name; takes seconds.

    Raises:
        ImportError: numba is not installed.
    """
    from numba.core import config

    compiled, before = {}, config.OPT
    try:
        config.OPT = type(config.OPT)(0)  # what matters is optimised once, in _machine_code
        for name in KERNEL_MODULES:
            for function in vars(importlib.import_module(name)).values():
                if hasattr(function, "signature"):
                    compiled[f"{name}:{function.__name__}"] = _compile(function)
    finally:
        config.OPT = before
    return compiled


def _compile(function: Callable[..., Any]) -> Kernel:
    import llvmlite.binding as llvm
    from numba import carray, cfunc, njit, types
    from numba.core.sigutils import normalize_signature

    arguments, result = normalize_signature(function.signature)  # type: ignore[attr-defined]
    pointers: list[Any] = []
    names, calls = [], []
    for i, argument in enumerate(arguments):
        names.append(f"a{i}")
        if isinstance(argument, types.Array):
            sizes = [f"a{i}_{axis}" for axis in range(argument.ndim)]
            names += sizes
            calls.append(f"carray(a{i}, ({', '.join(sizes)},))")
            pointers += [types.CPointer(argument.dtype), *[types.int64] * argument.ndim]
        else:
            calls.append(f"a{i}")
            pointers.append(argument)
    options = {"nogil": True, "error_model": "numpy"}
    scope = {"carray": carray, "function": njit(**options)(function)}
    source = f"def entry({', '.join(names)}):\n    return function({', '.join(calls)})"
    exec(source, scope)  # noqa: S102  the arrays of a kernel as pointers and sizes
    native = cfunc(result(*pointers), error_model="numpy")(scope["entry"])
    symbol = native.native_name.removeprefix("cfunc.")
    module = llvm.parse_assembly(native.inspect_llvm())
    return Kernel(
        symbol,
        [(a.dtype.name, a.ndim) if isinstance(a, types.Array) else (a.name, 0) for a in arguments],
        "" if result == types.none else result.name,
        _machine_code(module, symbol),
    )


def _machine_code(module: Any, symbol: str) -> bytes:
    """The machine code of one function and what it calls."""
    import llvmlite.binding as llvm

    module.link_in(llvm.parse_assembly(_NO_OWNER))
    for function in module.functions:
        if not function.is_declaration and function.name != symbol:
            function.linkage = "internal"
    machine = _target_machine()
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = options.slp_vectorization = options.loop_unrolling = True
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    called = {f.name for f in module.functions if f.is_declaration}
    foreign = {name for name in called if not name.startswith("llvm.")} - _PLAIN_C
    if foreign:
        raise RuntimeError(f"the kernel {symbol} would call {sorted(foreign)}")
    return bytes(machine.emit_object(module))


def _target_machine() -> Any:
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_default_triple().create_target_machine(
        opt=3,
        cpu=llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten(),
        jit=True,
    )


class Loaded:
    """Machine code in memory, as functions of arrays and numbers.

    Args:
        kernels: by name.

    Attributes:
        functions: by name.
    """

    def __init__(self, kernels: dict[str, Kernel]) -> None:
        import llvmlite.binding as llvm

        self._engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _target_machine())
        for each in kernels.values():
            self._engine.add_object_file(llvm.ObjectFileRef.from_data(each.code))
        self._engine.finalize_object()
        self.functions = {name: self._function(each) for name, each in kernels.items()}

    def _function(self, each: Kernel) -> Callable[..., Any]:
        result = _ctype(each.result) if each.result else ctypes.c_int64
        types: list[Any] = [ctypes.c_void_p, ctypes.c_void_p]
        for dtype, ndim in each.arguments:
            types += [ctypes.c_void_p, *[ctypes.c_int64] * ndim] if ndim else [_ctype(dtype)]
        address = self._engine.get_function_address(each.symbol)
        return _Function(ctypes.CFUNCTYPE(ctypes.c_int32, *types)(address), each, result)


class _Function:
    """A function of arrays and numbers in machine code, without Python's lock while it runs.

    numba's functions take where to put the result and the exception, then the arguments.
    """

    def __init__(self, native: Any, spec: Kernel, result: Any) -> None:
        self._native, self._spec, self._result = native, spec, result
        self._arguments = [(np.dtype(d) if n else None, n) for d, n in spec.arguments]

    def __call__(self, *arguments: Any) -> Any:
        result = self._result()
        values: list[Any] = []
        for (dtype, ndim), value in zip(self._arguments, arguments, strict=True):
            if dtype is None:
                values.append(value)
                continue
            flags = value.flags
            if value.dtype != dtype or value.ndim != ndim or not flags.c_contiguous:
                raise TypeError(f"{self._spec.symbol}: {value.dtype} of {value.shape} in an array")
            values.append(value.__array_interface__["data"][0])
            values += value.shape
        self._native(ctypes.byref(result), None, *values)
        return result.value if self._spec.result else None


def _ctype(dtype: str) -> Any:
    return np.ctypeslib.as_ctypes_type(np.dtype(dtype))


def stored(folder: Path) -> dict[str, Kernel] | None:
    """The kernels stored in a folder; None where there are none, or they are damaged."""
    try:
        data = (folder / _file_name()).read_bytes()
    except OSError:
        return None
    body = data[_HASH_BYTES:]
    if hashlib.sha256(body).digest() != data[:_HASH_BYTES]:
        return None
    size = int.from_bytes(body[:8], "little")
    kernels, at = {}, 8 + size
    for name, (symbol, arguments, result, length) in json.loads(body[8 : 8 + size]).items():
        code = body[at : at + length]
        kernels[name] = Kernel(symbol, [(d, n) for d, n in arguments], result, code)
        at += length
    return kernels


def store(kernels: dict[str, Kernel], folder: Path) -> None:
    """Store kernels in a folder, in one file that appears whole.

    Raises:
        OSError: the folder cannot be written to.
    """
    index = {name: (k.symbol, k.arguments, k.result, len(k.code)) for name, k in kernels.items()}
    head = json.dumps(index).encode()
    body = b"".join([len(head).to_bytes(8, "little"), head, *(k.code for k in kernels.values())])
    with atomic_write(folder / _file_name(), force=True) as path:
        path.write_bytes(hashlib.sha256(body).digest() + body)


def _file_name() -> str:
    """The name of the stored kernels: a hash of their sources."""
    digest, package = hashlib.sha256(), Path(__file__).parent
    for source in _SOURCES:
        path = package / source
        for file in sorted(path.glob("*.py")) if path.is_dir() else [path]:
            digest.update(file.read_bytes())
    return f"kernels-{digest.hexdigest()[:16]}.bin"


def folders(choice: str) -> Iterator[Path]:
    """Where kernels of this kind of processor may be stored, the first choice first.

    Args:
        choice: a folder that the user chose; empty for the usual ones.
    """
    import llvmlite
    import llvmlite.binding as llvm

    features = llvm.get_host_cpu_features().flatten()
    kind = (llvm.get_host_cpu_name(), features, llvmlite.__version__, sys.platform)
    name = hashlib.sha256(repr(kind).encode()).hexdigest()[:16]
    if choice:
        yield Path(choice) / name
        return
    with suppress(RuntimeError):  # no home
        cache = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
        yield Path(cache) / "atlasae" / name
    if hasattr(os, "getuid"):
        yield Path(tempfile.gettempdir()) / f"atlasae-{os.getuid()}" / name


def is_private(folder: Path) -> bool:
    """Whether a folder and the one above it are the user's, and nobody else can write to them."""
    if not hasattr(os, "getuid"):
        return True
    try:
        found = [each.stat() for each in (folder, folder.parent)]
    except OSError:
        return False
    return all(s.st_uid in (os.getuid(), 0) and not s.st_mode & 0o022 for s in found)
