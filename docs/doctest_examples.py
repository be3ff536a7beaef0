"""For mkdocstrings: shows the doctests under ``Example:`` as code, as those under ``Examples:``."""

from __future__ import annotations

import re
from typing import Any

import griffe

_HEAD = re.compile(r"(?m)^(\s*)Example:$")


class DoctestExamples(griffe.Extension):
    """Renames the section, which griffe would take for a plain note."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Take one object of the package."""
        if obj.docstring:
            obj.docstring.value = _HEAD.sub(r"\1Examples:", obj.docstring.value)
