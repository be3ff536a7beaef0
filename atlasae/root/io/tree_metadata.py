"""What a tree says beside the values of its branches: titles, aliases, weight."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import uproot

from atlasae.root.io.branch import TTREE
from atlasae.root.io.classes import private_classes
from atlasae.root.io.errors import first_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# members of a TTree that uproot cannot write, and what to call them
_NOT_WRITTEN = {"fUserInfo": "user info", "fFriends": "friends", "fTreeIndex": "index"}
_DIMENSIONS = re.compile(r"(\[[^\]]*\])*(/\S*)?")  # after the name, in a title that ROOT makes


@dataclass(frozen=True)
class TreeMetadata:
    """Titles, aliases and weight of a tree; an RNTuple holds the titles only.

    Attributes:
        titles: of the branches that have one of their own, by name.
        aliases: expressions, by name.
        weight: of the tree.
        compression: settings of the branches that are compressed in another way than the file, as
            ROOT numbers them: 100 times the algorithm, plus the level.
    """

    titles: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    weight: float = 1.0
    compression: dict[str, int] = field(default_factory=dict)

    def to_json(self, names: Sequence[str]) -> dict[str, Any]:
        """The attributes that are not empty; titles are a list, in the order of these branches."""
        empty = asdict(TreeMetadata())
        values = {name: value for name, value in asdict(self).items() if value != empty[name]}
        if self.titles.keys() & set(names):
            return values | {"titles": [self.titles.get(name, "") for name in names]}
        return {name: value for name, value in values.items() if name != "titles"}

    @classmethod
    def from_json(cls, values: Mapping[str, Any], names: Sequence[str]) -> TreeMetadata:
        """The inverse of ``to_json``."""
        titles = zip(names, values["titles"], strict=True) if "titles" in values else ()
        return cls(**{**values, "titles": {name: title for name, title in titles if title}})

    def lost_in(self, kind: str) -> list[str]:
        """What a tree of this kind cannot hold."""
        if kind == TTREE:
            return []
        return ["aliases"] * bool(self.aliases) + ["weight"] * (self.weight != 1.0)


def read_metadata(tree: Any, branches: Mapping[str, Any]) -> TreeMetadata:
    """The metadata of a TTree that uproot opened.

    Args:
        tree: as uproot opened it.
        branches: of it, by the names that they are known by.
    """
    of_file = tree.file.fCompress
    codes = {name: int(branch.member("fCompress")) for name, branch in branches.items()}
    return TreeMetadata(
        {name: str(b.title) for name, b in branches.items() if _is_own(str(b.title), b.name)},
        {
            str(one.member("fName")): str(one.member("fTitle"))
            for one in tree.member("fAliases") or ()
        },
        float(tree.member("fWeight", none_if_missing=True) or 1.0),
        # uproot writes 0 whatever it does
        {name: code for name, code in codes.items() if code > 0 and code != of_file},
    )


def _is_own(title: str, name: str) -> bool:
    """Whether a title says more than the name, the dimensions and the type of a branch."""
    return not (title.startswith(name) and _DIMENSIONS.fullmatch(title[len(name) :]))


def not_written(tree: Any, path: str) -> list[str]:
    """What a TTree has that uproot cannot write, such as ``friends (Extra)``.

    Args:
        tree: as uproot opened it.
        path: of the tree in its file.
    """
    try:
        with uproot.open(
            tree.file.file_path, minimal_ttree_metadata=False, custom_classes=private_classes()
        ) as file:
            return list(_not_written(file[path]))
    except Exception as error:  # objects of any class may stand there
        return [f"user info, friends and index, which cannot be read: {first_line(error)}"]


def _not_written(tree: Any) -> Iterator[str]:
    for member, what in _NOT_WRITTEN.items():
        found = tree.member(member, none_if_missing=True)
        if isinstance(found, uproot.models.TList.Model_TList):
            names = [str(item.member("fName", none_if_missing=True)) for item in found]
            if names:
                yield f"{what} ({', '.join(names)})"
        elif found is not None:
            yield what
