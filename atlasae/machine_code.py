"""The kernels: read from the package, made machine code by LLVM, stored by processor, and loaded."""

from __future__ import annotations

import base64
import ctypes
import hashlib
import json
import lzma
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

PROGRAM = Path(__file__).with_name("kernels.json")  # that atlasae.kernel_compiler writes
_HASH_BYTES = 32
_LINE = 96  # characters of the program in a line of its file


class Signature(NamedTuple):
    """The arguments of a kernel.

    Attributes:
        symbol: its name in the program.
        arguments: of each argument the dtype and, for an array, the number of dimensions.
        result: dtype of the result; empty where there is none.
    """

    symbol: str
    arguments: list[tuple[str, int]]
    result: str


class Program(NamedTuple):
    """All kernels, for any processor.

    Attributes:
        fingerprint: of the sources that it was compiled from.
        signatures: by name.
        packed: the program in LLVM's language, compressed.
    """

    fingerprint: str
    signatures: dict[str, Signature]
    packed: str

    @classmethod
    def of(cls, fingerprint: str, signatures: dict[str, Signature], text: str) -> Program:
        """The program of a text in LLVM's language."""
        packed = base64.b85encode(lzma.compress(text.encode(), preset=9)).decode()
        return cls(fingerprint, signatures, packed)

    @property
    def text(self) -> str:
        """The program in LLVM's language."""
        return lzma.decompress(base64.b85decode(self.packed)).decode()


def read_program() -> Program:
    """The kernels of the package."""
    stored = json.loads(PROGRAM.read_text("ascii"))
    signatures = {
        name: Signature(symbol, [(dtype, ndim) for dtype, ndim in arguments], result)
        for name, (symbol, arguments, result) in stored["signatures"].items()
    }
    return Program(stored["fingerprint"], signatures, "".join(stored["text"]))


def write_program(program: Program) -> None:
    """Write what ``read_program`` reads."""
    packed = program.packed
    lines = [json.dumps(packed[at : at + _LINE]) for at in range(0, len(packed), _LINE)]
    signatures = [f"{json.dumps(n)}: {json.dumps(s)}" for n, s in program.signatures.items()]
    parts = [
        f'{{"fingerprint": "{program.fingerprint}", "signatures": {{',
        ",\n".join(signatures),
        '}, "text": [',
        ",\n".join(lines),
        "]}\n",
    ]
    PROGRAM.write_text("\n".join(parts), "ascii")


def compile_program(text: str) -> bytes:
    """Machine code for this processor, an object file; takes about a second."""
    import llvmlite.binding as llvm

    machine = _target_machine()
    module = llvm.parse_assembly(text)
    module.triple, module.data_layout = machine.triple, str(machine.target_data)
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = options.slp_vectorization = options.loop_unrolling = True
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
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
        code: an object file.
        signatures: of its kernels, by name.

    Attributes:
        functions: by name.
    """

    def __init__(self, code: bytes, signatures: dict[str, Signature]) -> None:
        import llvmlite.binding as llvm

        self._engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _target_machine())
        self._engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        self._engine.finalize_object()
        self.functions = {name: self._function(each) for name, each in signatures.items()}

    def _function(self, each: Signature) -> Callable[..., Any]:
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

    def __init__(self, native: Any, spec: Signature, result: Any) -> None:
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


def stored(folder: Path) -> bytes | None:
    """The machine code stored in a folder; None where there is none, or it is damaged."""
    try:
        data = (folder / _file_name()).read_bytes()
    except OSError:
        return None
    code = data[_HASH_BYTES:]
    return code if hashlib.sha256(code).digest() == data[:_HASH_BYTES] else None


def store(code: bytes, folder: Path) -> None:
    """Store machine code in a folder, in one file that appears whole.

    Raises:
        OSError: the folder cannot be written to.
    """
    with atomic_write(folder / _file_name(), force=True) as path:
        path.write_bytes(hashlib.sha256(code).digest() + code)


def _file_name() -> str:
    """The name of the stored machine code: a hash of the program."""
    return f"kernels-{hashlib.sha256(PROGRAM.read_bytes()).hexdigest()[:16]}.bin"


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
    with suppress(FileNotFoundError):  # no folder for temporary files can be written to
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
