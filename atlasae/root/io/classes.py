"""The classes that uproot reads a file with, private to that file."""

from __future__ import annotations

import copyreg
from typing import Any

import uproot

from atlasae.root.io.rntuple_model import TypedRNTuple


class _PrivateClass(type):
    """Type of a class of uproot that was copied for one file."""


def private_classes() -> dict[str, Any]:
    """Copies of uproot's classes that one file may change.

    uproot adds the class versions in a file to those of the whole process. Those of a damaged file
    would break the reading and writing of later files.
    """
    classes = {name: _private_class(name) for name in uproot.classes}
    return classes | {"ROOT::RNTuple": TypedRNTuple}


def _private_class(name: str) -> Any:
    original = uproot.classes[name]
    if not issubclass(original, uproot.model.DispatchByVersion):
        return original
    members = {"known_versions": dict(original.known_versions), "_classname": name}
    return _PrivateClass(original.__name__, (original,), members)


# objects that uproot read carry these classes, and are pickled to travel to workers
copyreg.pickle(_PrivateClass, lambda private: (_private_class, (private._classname,)))  # type: ignore[attr-defined]  # noqa: SLF001
