"""What pyproject.toml and constraints.txt say, for the tests of files that repeat it."""

from __future__ import annotations

import re
import sys

from tests.helpers import REPOSITORY

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # which pytest and mypy bring there


def normalized(name):
    """A package's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def requirements(lines):
    """Versions that requirements allow, by name, extras left out."""
    parsed = [re.fullmatch(r"([\w.-]+)(?:\[[\w,-]+\])?\s*(.*)", line) for line in lines]
    return {normalized(match[1]): match[2] for match in parsed}


PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PYTHONS = [
    match[1] for text in PROJECT["classifiers"]
    if (match := re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", text))
]  # fmt: skip
CONSTRAINTS = {
    normalized(name): version
    for name, version in re.findall(
        r"^([\w.-]+)==(\S+)$",
        (REPOSITORY / "constraints.txt").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
}
