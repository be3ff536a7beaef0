"""Compiling kernels with numba to LLVM's language, which is shipped with the package.

``python -m atlasae.kernel_compiler`` writes the program that ``machine_code`` makes machine code of.
A kernel is a function of arrays and numbers that raises nothing and allocates nothing. Modules of
kernels mark them with ``kernel`` and are listed in ``KERNEL_MODULES``. Only this needs numba.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae import exact_math
from atlasae.machine_code import Program, Signature, write_program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

KERNEL_MODULES = (
    "atlasae.codecs.autoencoder.kernels",
    "atlasae.coding.adaptive_kernels",
    "atlasae.coding.kernels",
    "atlasae.density.kernels",
    "atlasae.density.rank_kernels",
    "atlasae.jets.kernels",
    "atlasae.quantization.kernels",
)
# numba frees arrays that nothing refers to; those of a kernel belong to the caller
_NO_OWNER = "define void @NRT_MemInfo_call_dtor(ptr %0) {\n  ret void\n}"
_PLAIN_C = {"memcpy", "memmove", "memset"}  # that machine code may call
# attributes, which LLVM finds again and older versions do not know, and notes on the machine it ran on
_UNPORTABLE = re.compile(
    r"captures\([^)]*\) ?| #\d+|^(attributes|target|source_filename|;) .*\n", re.MULTILINE
)


def kernel(signature: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Mark a function as a kernel with a signature in numba's notation."""

    def mark(function: Callable[..., Any]) -> Callable[..., Any]:
        function.signature = signature  # type: ignore[attr-defined]
        return function

    return mark


def compile_kernels() -> Program:
    """Compile all kernels by numba; takes half a minute."""
    import llvmlite.binding as llvm
    from numba.core import config

    signatures: dict[str, Signature] = {}
    whole, before = llvm.parse_assembly(_NO_OWNER), config.OPT
    try:
        config.OPT = type(config.OPT)(0)  # what matters is optimized once, in _portable
        for module in _modules():
            for function in vars(module).values():
                if hasattr(function, "signature"):
                    symbol = f"kernel_{len(signatures)}"
                    signature, part = _compile(function, symbol)
                    signatures[f"{module.__name__}:{function.__name__}"] = signature
                    whole.link_in(part)
    finally:
        config.OPT = before
    return Program.of(fingerprint(), signatures, _portable(whole, signatures))


def _compile(function: Callable[..., Any], symbol: str) -> tuple[Signature, Any]:
    """A kernel in LLVM's language, under a name of ours, and all that it calls."""
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
    module = llvm.parse_assembly(native.inspect_llvm())
    own = native.native_name.removeprefix("cfunc.")
    for each in module.functions:
        if not each.is_declaration:
            each.linkage = "internal"
    module.get_function(own).name = symbol
    module.get_function(symbol).linkage = "external"
    kinds = [
        (a.dtype.name, a.ndim) if isinstance(a, types.Array) else (a.name, 0) for a in arguments
    ]
    return Signature(symbol, kinds, "" if result == types.none else result.name), module


def _portable(module: Any, signatures: dict[str, Signature]) -> str:
    """The program, made small, for any processor of 64 bits.

    More than level 1 would make branches of choices, and loops of one value at a time of others.
    """
    import llvmlite.binding as llvm

    symbols = {signature.symbol for signature in signatures.values()}
    for function in module.functions:
        if not function.is_declaration and function.name not in symbols:
            function.linkage = "internal"
    machine = llvm.Target.from_default_triple().create_target_machine(jit=True)
    options = llvm.create_pipeline_tuning_options(speed_level=1)
    options.loop_vectorization = options.slp_vectorization = options.loop_unrolling = False
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    called = {f.name for f in module.functions if f.is_declaration}
    if foreign := {name for name in called if not name.startswith("llvm.")} - _PLAIN_C:
        raise RuntimeError(f"a kernel would call {sorted(foreign)}")
    return _UNPORTABLE.sub("", str(module))


def fingerprint() -> str:
    """A hash of all that kernels are made of: their sources, and the constants in them."""
    digest = hashlib.sha256()
    for module in _modules():
        digest.update(inspect.getsource(module).encode())
        for name, value in sorted(vars(module).items()):
            if isinstance(value, int | float | np.generic):
                digest.update(f"{name} = {value!r}\n".encode())
    for module in (exact_math, importlib.import_module("atlasae.kernel_math")):
        digest.update(inspect.getsource(module).encode())
    return digest.hexdigest()[:32]


def _modules() -> Iterator[ModuleType]:
    return (importlib.import_module(name) for name in KERNEL_MODULES)


if __name__ == "__main__":
    write_program(compile_kernels())
