"""Functions in numpy that have a kernel with the same result, in machine code.

The function in numpy is the reference: it says what is computed. It does the work until it has taken
some time in a process, so small jobs do not wait for kernels. Then the kernels are loaded, which
takes a tenth of a second, or compiled where this machine has none yet, which takes a second or two.
Where llvmlite is missing, or what it compiled can be stored nowhere, the reference does all the work.

The machine code is stored by processor, in one file that is written at once and checked when it is
read. So processes on a farm that start together, or on unlike machines
with one home, do not disturb each other.
"""

from __future__ import annotations

import os
import time
import warnings
from contextlib import contextmanager, suppress
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar

from atlasae import machine_code

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

P = ParamSpec("P")
R = TypeVar("R")

VARIABLE = "ATLASAE_KERNELS"  # of the environment: "never", "always", or a folder for the kernels
LOAD_AFTER = 0.04  # seconds of the references, about what loading takes
COMPILE_AFTER = 0.6  # seconds: a job that is soon done does not wait for a compiler

#: Kernels by name, as ``module:function``; a kernel has arguments like its reference.
_REGISTRY: dict[str, Accelerated[Any, Any]] = {}


class Accelerated(Generic[P, R]):
    """A function in numpy, and the kernel with the same arguments and the same result.

    Attributes:
        reference: the function in numpy.
        name: of the kernel, as ``module:function``.
    """

    def __init__(self, reference: Callable[P, R], module: str) -> None:
        self.reference = reference
        self.name = f"{module}:{reference.__name__}"
        self.__doc__ = reference.__doc__
        _REGISTRY[self.name] = self

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        kernel = kernel_in_use(self.name)
        if kernel is not None:
            return kernel(*args)  # type: ignore[no-any-return]
        start = time.perf_counter()
        result = self.reference(*args, **kwargs)
        _state.spend(time.perf_counter() - start)
        return result

    @property
    def kernel(self) -> Callable[P, R] | None:
        """The kernel, compiled if need be; None where there is none."""
        _state.load(may_compile=True)
        return _state.kernels.get(self.name)


def accelerated(module: str) -> Callable[[Callable[P, R]], Accelerated[P, R]]:
    """Decorate a function in numpy whose kernel stands in ``module`` under the same name."""
    return lambda reference: Accelerated(reference, module)


def kernel_in_use(name: str) -> Callable[..., Any] | None:
    """A kernel; None where none is in use.

    Args:
        name: as ``module:function``.
    """
    return _state.kernels.get(name) if _state.use_kernels else None


def expect(seconds: float) -> None:
    """Load stored kernels at once, if as many seconds of the references are ahead as loading takes.

    Args:
        seconds: that the references would take, about.
    """
    if seconds >= LOAD_AFTER and _state.use_kernels:
        _state.load(may_compile=False)


class _State:
    """The kernels of this process, and how much work was done without them."""

    def __init__(self) -> None:
        self.choice = os.environ.get(VARIABLE, "")
        self.use_kernels = self.choice != "never"
        self.kernels: dict[str, Callable[..., Any]] = {}
        self.spent = 0.0  # seconds of the references
        self.has_looked = False  # for stored kernels
        self.next_try = 0.0 if self.choice == "always" else LOAD_AFTER
        self.lock = Lock()
        self.loaded: machine_code.Loaded | None = None

    def spend(self, seconds: float) -> None:
        """Count work of the references; load kernels, or compile them, when it has become much."""
        self.spent += seconds
        if self.spent >= self.next_try and self.use_kernels:
            self.load(may_compile=self.spent >= COMPILE_AFTER or self.choice == "always")

    def load(self, *, may_compile: bool) -> None:
        """Load the kernels that are stored, or compile and store them."""
        with self.lock:
            if self.next_try == float("inf") or (self.has_looked and not may_compile):
                return
            self.has_looked = True
            self.next_try = float("inf") if may_compile else COMPILE_AFTER
            code = _stored_or_compiled(self.choice, may_compile)
            if code is not None:
                self.loaded = machine_code.Loaded(code, machine_code.read_program().signatures)
                self.kernels = self.loaded.functions
                self.next_try = float("inf")


def _stored_or_compiled(choice: str, may_compile: bool) -> bytes | None:
    """The machine code; None where there is none, or none yet."""
    try:
        folders = [*machine_code.folders("" if choice in ("always", "never") else choice)]
    except ImportError:  # no llvmlite for this Python
        return None
    for folder in folders:
        if machine_code.is_private(folder) and (code := machine_code.stored(folder)):
            return code
    if not may_compile or not any(map(_can_write, folders)):
        return None
    try:
        code = machine_code.compile_program(machine_code.read_program().text)
    except Exception as error:  # noqa: BLE001  of an llvmlite that is too old or too new
        warnings.warn(f"kernels do not compile ({error!r}): numpy does the work", stacklevel=2)
        return None
    for folder in folders:
        if _can_write(folder):
            with suppress(OSError):  # a full disk
                machine_code.store(code, folder)
                break
    return code


def _can_write(folder: Path) -> bool:
    try:
        folder.parent.parent.mkdir(parents=True, exist_ok=True)
        folder.parent.mkdir(mode=0o700, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError:
        return False
    return machine_code.is_private(folder) and os.access(folder, os.W_OK)


_state = _State()


@contextmanager
def kernels(use: bool) -> Iterator[None]:
    """Use kernels at once, or not at all, while the context lasts.

    Example:
        >>> with kernels(use=False):
        ...     pass
    """
    before = _state.use_kernels
    _state.use_kernels = use
    if use:
        _state.load(may_compile=True)
    try:
        yield
    finally:
        _state.use_kernels = before
