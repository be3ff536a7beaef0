"""The numbers of a comparison, for machines; the page's tables are made from them."""

from __future__ import annotations

import math
import platform
from datetime import datetime, timezone
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.jets.metrics import agreement, correlation
from atlasae.plots.derived import observable_edges
from atlasae.plots.features import distribution_edges
from atlasae.plots.style import to_gev

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlasae.jets.metrics import Residuals
    from atlasae.quantization.tolerance import Tolerance
    from atlasae.report.comparison import Comparison, DecodedFile

FORMAT = 1
REMARK = (
    "Kolmogorov and Smirnov's test and chi-square take their two samples for independent. These"
    " are the same jets twice, so both tests pass far too easily: the residuals, jet by jet, say"
    " more."
)
_PACKAGES = ("atlasae", "awkward", "matplotlib", "mplhep", "numpy", "scipy", "uproot", "vector")


def summarise(comparison: Comparison, command: str) -> dict[str, Any]:
    """All that the report says, as JSON takes it; what is not a number is None.

    Args:
        comparison: of ``read_comparison``.
        command: that makes the report again.
    """
    original = comparison.original
    found: dict[str, Any] = _jsonable(
        {
            "format": FORMAT,
            "command": command,
            "made": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "versions": {
                "python": platform.python_version(),
                **{package: version(package) for package in _PACKAGES},
            },
            "remark": REMARK,
            "original": {
                "file": str(original.path),
                "tree": comparison.tree,
                "collection": comparison.collection,
                "events": None if original.jets.counts is None else len(original.jets.counts),
                "jets": len(original.jets),
                "file_bytes": original.file_bytes,
                "jet_bytes": original.jet_bytes,
                "bits_a_jet": original.bits,
            },
            "files": [_file(comparison, file) for file in comparison.files],
        }
    )
    return found


def _file(comparison: Comparison, file: DecodedFile) -> dict[str, Any]:
    original = comparison.original
    features = {}
    for name, result in file.residuals.items():
        values, decoded = (
            jets.columns[name].astype(np.float64) for jets in (original.jets, file.jets)
        )
        to_drawn = to_gev(name, original.jets)
        tolerance = file.tolerance(name)
        features[name] = {
            **_residuals(result),
            "tolerance": None if tolerance is None else tolerance.to_json(),
            "beyond_tolerance": None if tolerance is None else _beyond(values, decoded, tolerance),
            **_agreement(
                values * to_drawn,
                decoded * to_drawn,
                distribution_edges(name, values * to_drawn),
            ),
        }
    return {
        "name": file.name,
        "file": str(file.path),
        "codec": file.codec,
        "file_bytes": file.file_bytes,
        "ratio": original.file_bytes / file.file_bytes,
        "jet_bytes": file.jet_bytes,
        "bits_a_jet": file.bits,
        "features": features,
        "correlation": {
            "features": list(file.residuals),
            "spearman": correlation(file.residuals).tolist(),
        },
        "observables": {
            name: {
                **_residuals(comparison.observable_residuals(file, name)),
                **_agreement(values, file.observables[name], observable_edges(name, values)),
            }
            for name, values in comparison.observables.items()
        },
    }


def _residuals(result: Residuals) -> dict[str, Any]:
    return {
        "relative": result.relative,
        "jets": result.values.size,
        "undefined": result.undefined,
        "mean": result.mean,
        "mean_error": result.mean_error,
        "sigma": result.sigma,
        "sigma_error": result.sigma_error,
        "half_width": result.half_width,
        "half_width_95": result.half_width_95,
        "maximum": result.maximum,
    }


def _agreement(
    original: NDArray[np.float64], decoded: NDArray[np.float64], edges: NDArray[np.float64]
) -> dict[str, Any]:
    first, second = (values[np.isfinite(values)] for values in (original, decoded))
    if not first.size or not second.size:
        return {}
    test = agreement(first, second, edges)
    return {"ks": test.ks, "ks_p": test.ks_p, "chi2": test.chi2, "chi2_bins": test.bins}


def _beyond(
    original: NDArray[np.float64], decoded: NDArray[np.float64], tolerance: Tolerance
) -> int:
    """How many finite values lie further from the original than the tolerance lets them."""
    finite = np.isfinite(original)
    distance = np.abs(decoded[finite] - original[finite])
    return int(np.count_nonzero(~(distance <= tolerance.bound(original[finite]))))


def _jsonable(value: Any) -> Any:
    """The same with None for what is not finite, which JSON has no word for."""
    if isinstance(value, dict):
        return {key: _jsonable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_jsonable(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
