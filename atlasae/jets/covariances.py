"""Finds covariance matrices among features, by their names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# cov10 or track_cov10 in NanoAOD of CMS, covXX of its missing momentum
_ELEMENT = re.compile(
    r"(?P<matrix>\w*cov_?)(?P<row>\d|[a-z])(?P<column>\d|[a-z])", re.IGNORECASE | re.ASCII
)


def covariances(names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The upper triangles, row by row, of the covariance matrices whose elements are all there.

    Names are words, and end in two digits or letters, of which either comes first.

    Args:
        names: of features.

    Returns:
        The features of each matrix, by what their names begin with.

    Example:
        >>> covariances(["pt", "track_cov00", "track_cov10", "track_cov11", "covXY"])
        {'track_cov': ('track_cov00', 'track_cov10', 'track_cov11')}
    """
    elements: dict[str, dict[frozenset[str], str]] = {}
    for name in names:
        if name.isidentifier() and (match := _ELEMENT.fullmatch(name)):
            place = frozenset((match["row"], match["column"]))
            elements.setdefault(match["matrix"], {}).setdefault(place, name)
    found = {}
    for matrix, by_place in elements.items():
        rows = sorted(set().union(*by_place))
        triangle = [frozenset((i, j)) for n, i in enumerate(rows) for j in rows[n:]]
        if len(rows) > 1 and by_place.keys() >= set(triangle):
            found[matrix] = tuple(by_place[place] for place in triangle)
    return found
