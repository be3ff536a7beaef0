"""The stored form of what a codec within a tolerance learned: lattices and densities."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from atlasae.coding.entropy import CODER
from atlasae.coding.number_stack import NumberReader, NumberWriter, join_stacks, split_stacks
from atlasae.density.feature_layout import FeatureLayout, coding_order
from atlasae.density.jet_density import JetDensity
from atlasae.density.serialization import read_jet_density, write_jet_density
from atlasae.errors import InputError, VersionError
from atlasae.quantization.serialization import read_lattices, write_lattices

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

D = TypeVar("D", bound=JetDensity)


def require_coder(stored: str) -> None:
    """Raise VersionError if a codec was made for another entropy coder."""
    if stored != CODER:
        raise VersionError(
            f"the codec was coded with {stored!r}, this atlasae has {CODER!r}: decode"
            " with the version of atlasae that wrote it"
        )


def kept_order(stored: str | None, features: Collection[str]) -> str | None:
    """The feature whose order is kept, from an untrusted value; raises InputError if it is none."""
    if stored is not None and stored not in features:
        raise InputError(f"the order of {stored!r} is kept, which is no feature")
    return stored


def write_density(density: JetDensity) -> bytes:
    """A density and its lattices, without the dtypes of the features."""
    writer = NumberWriter()
    write_lattices(writer, list(density.layout.lattices.values()))
    conditionals = write_jet_density(writer, density)
    return join_stacks([writer.to_bytes(), *conditionals])


def read_density(data: bytes, dtypes: Mapping[str, str], kind: type[D], *, dither: bool) -> D:
    """The inverse of ``write_density``, from untrusted bytes.

    Args:
        data: the bytes.
        dtypes: by feature.
        kind: of density that they hold.
        dither: whether lattices with steps are dithered.

    Raises:
        DamagedFileError: they are damaged.
    """
    names = coding_order(list(dtypes))
    stack, *conditionals = split_stacks(data)
    reader = NumberReader(stack)
    lattices = read_lattices(reader, [dtypes[name] for name in names], dither=dither)
    layout = FeatureLayout.of(dict(zip(names, lattices, strict=True)))
    return read_jet_density(reader, conditionals, layout, kind)
