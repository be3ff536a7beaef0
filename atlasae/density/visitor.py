"""Names of what a traversal of the features visits, beside features and groups by rank."""

from __future__ import annotations

OTHERS = "others"  # the group of the features that are not part of a momentum
SIGN = "sign of eta"  # of the leading jet, coded before its size
