"""The mapping methods that files and trees share with those of uproot."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

Item = TypeVar("Item")
_CYCLE = re.compile(r";\d+(?=/|$)")


def without_cycles(key: str) -> str:
    """The path of an object, from its key.

    Example:
        >>> without_cycles("more;1/Runs;2")
        'more/Runs'
    """
    return _CYCLE.sub("", key)


class NamedItems(ABC, Generic[Item]):
    """A mapping of names to items whose methods return lists, and take filters, as in uproot."""

    @abstractmethod
    def keys(self, *_: Any, **filters: Any) -> list[str]:
        """Names of the items that pass the filters."""

    @abstractmethod
    def __getitem__(self, name: str) -> Item: ...

    def iterkeys(self, **filters: Any) -> Iterator[str]:
        """Iterate over ``keys``, with the same filters."""
        return iter(self.keys(**filters))

    def itervalues(self, **filters: Any) -> Iterator[Item]:
        """Iterate over items; the filters are those of ``keys``."""
        return (self[name] for name in self.keys(**filters))

    def iteritems(self, **filters: Any) -> Iterator[tuple[str, Item]]:
        """Iterate over pairs of name and item; the filters are those of ``keys``."""
        return ((name, self[name]) for name in self.keys(**filters))

    def values(self, **filters: Any) -> list[Item]:
        """The items; the filters are those of ``keys``."""
        return list(self.itervalues(**filters))

    def items(self, **filters: Any) -> list[tuple[str, Item]]:
        """Pairs of name and item; the filters are those of ``keys``."""
        return list(self.iteritems(**filters))

    def get(self, name: str, default: Any = None) -> Any:
        """An item, or ``default`` if there is none of this name."""
        try:
            return self[name]
        except KeyError:
            return default

    def __iter__(self) -> Iterator[str]:
        return self.iterkeys()

    def __len__(self) -> int:
        return len(self.keys())
