"""Packages that only some tasks need: what to install where one is missing."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from atlasae.errors import MissingPackageError

if TYPE_CHECKING:
    from collections.abc import Iterator

_BY_PROTOCOL = {  # the package that reads it, and what pip has to install
    "http": ("aiohttp", "'atlasae[http]'"),
    "https": ("aiohttp", "'atlasae[http]'"),
    "root": ("fsspec-xrootd", "'atlasae[xrootd]'"),
    "s3": ("s3fs", "s3fs"),
}


@contextmanager
def needs_extra(extra: str, task: str) -> Iterator[None]:
    """Turn an import that fails for a missing package into an error that says how to install it.

    Args:
        extra: the extra of atlasae that brings the package, such as ``plot``.
        task: what needs the package; it begins the message.

    Raises:
        MissingPackageError: an import inside the ``with`` block needs a package that is missing.

    Example:
        >>> with needs_extra("plot", "atlasae.plots"):
        ...     import package_that_is_missing
        Traceback (most recent call last):
        ...
        atlasae.errors.MissingPackageError: atlasae.plots needs package_that_is_missing: \
pip install 'atlasae[plot]'
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in {"", "atlasae"}:  # not a package that an extra brings
            raise
        raise MissingPackageError(
            f"{task} needs {package}: pip install 'atlasae[{extra}]'"
        ) from error


def missing_for_address(address: str, error: ImportError) -> MissingPackageError:
    """The error that says what to install to read an address such as ``https://...``.

    Args:
        address: of a file.
        error: raised by fsspec or uproot where the package for this protocol is missing.

    Example:
        >>> print(missing_for_address("https://cern.ch/events.root", ImportError()))
        https:// needs aiohttp: pip install 'atlasae[http]'
    """
    protocol = address.partition("://")[0].rpartition("::")[2]
    if protocol not in _BY_PROTOCOL:
        return MissingPackageError(f"{address!r} cannot be read: {error}")
    package, target = _BY_PROTOCOL[protocol]
    return MissingPackageError(f"{protocol}:// needs {package}: pip install {target}")
