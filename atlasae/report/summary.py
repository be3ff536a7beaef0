"""The numbers of a comparison as JSON; the tables of the page are made from them."""

from __future__ import annotations

import math
import platform
from dataclasses import asdict
from datetime import datetime, timezone
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.jets.distributions import agreement, migrations
from atlasae.jets.metrics import correlation
from atlasae.plots.derived import observable_edges
from atlasae.plots.features import distribution_edges
from atlasae.plots.ranges import to_gev
from atlasae.report.bins import edges_for
from atlasae.report.promises import errors_in, panel, verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlasae.jets.metrics import Residuals
    from atlasae.report.comparison import Comparison, DecodedFile
    from atlasae.types import Floats, Values

FORMAT = 1
REMARK = (
    "KS is the largest distance of the cumulative distributions. Chi-square below the number of bins"
    " does not prove agreement: these are the same jets twice, not independent samples. The residuals"
    " per jet say more. Mean and sigma are left out where the 0.1 % of the jets with the largest"
    " residuals make up most of the sum of squares, as where an original is near 0: quantiles describe"
    " such residuals."
)
_PACKAGES = ("atlasae", "awkward", "matplotlib", "mplhep", "numpy", "scipy", "uproot", "vector")


def summarize(comparison: Comparison, command: str) -> dict[str, Any]:
    """All numbers of the report, ready for JSON; numbers that are not finite are None.

    Args:
        comparison: from ``read_comparison``.
        command: makes the report again.
    """
    original = comparison.original
    summary: dict[str, Any] = _jsonable(
        {
            "format": FORMAT,
            "command": command,
            "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
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
                "bits_per_jet": original.bits,
            },
            "weighted": comparison.weights is not None,
            "files": [_file(comparison, file) for file in comparison.files],
        }
    )
    return summary


def _file(comparison: Comparison, file: DecodedFile) -> dict[str, Any]:
    original = comparison.original
    lines = panel(comparison, file)
    return {
        "name": file.name,
        "verdict": verdict(lines),
        "panel": [asdict(line) for line in lines],
        "file": str(file.path),
        "codec": file.codec,
        "file_bytes": file.file_bytes,
        "ratio": original.file_bytes / file.file_bytes,
        "jet_bytes": file.jet_bytes,
        "bits_per_jet": file.bits,
        "branches": [asdict(size) for size in file.branches],
        "features": {name: _feature(comparison, file, name) for name in file.residuals},
        "correlation": {
            "features": list(file.residuals),
            "spearman": correlation(file.residuals).tolist(),
        },
        "observables": {
            name: {
                **_residuals(comparison.observable_residuals(file, name)),
                **_agreement(
                    values,
                    file.observables[name],
                    observable_edges(name, values),
                    comparison.pair_weights,
                ),
            }
            for name, values in comparison.observables.items()
        },
        "migrations": {
            name: _migrations(original.jets.columns[name], file.jets.columns[name], edges)
            for name, edges in comparison.bins.items()
            if name in file.residuals
        },
    }


def _migrations(before: Values, after: Values, edges: Sequence[float]) -> dict[str, Any]:
    """Numbers of jets by bin, with those below the first edge and from the last on."""
    counts = migrations(before, after, edges_for(before, edges))
    return {"edges": list(edges), "jets": counts.tolist()}


def _feature(comparison: Comparison, file: DecodedFile, name: str) -> dict[str, Any]:
    original = comparison.original.jets
    before, after = (jets.columns[name].astype(np.float64) for jets in (original, file.jets))
    to_drawn = to_gev(name, original)  # bins are those of the figure
    edges = distribution_edges(name, before * to_drawn)
    tolerance = file.tolerance(name)
    return {
        **_residuals(file.residuals[name]),
        "tolerance": None if tolerance is None else tolerance.to_json(),
        "beyond_tolerance": None if tolerance is None else errors_in(comparison, file, name).beyond,
        **_agreement(before * to_drawn, after * to_drawn, edges, comparison.jet_weights),
    }


def _residuals(result: Residuals) -> dict[str, Any]:
    return {
        "relative": result.relative,
        "jets": result.values.size,
        "undefined": result.undefined,
        "median": result.median,
        "few_outliers_decide": result.few_outliers_decide,
        "mean": result.mean,
        "mean_error": result.mean_error,
        "sigma": result.sigma,
        "sigma_error": result.sigma_error,
        "half_width": result.half_width,
        "half_width_95": result.half_width_95,
        "maximum": result.maximum,
    }


def _agreement(
    original: Floats, decoded: Floats, edges: Floats, weights: Floats | None
) -> dict[str, Any]:
    if not all(np.isfinite(values).any() for values in (original, decoded)):
        return {}
    test = agreement(original, decoded, edges, weights)
    return {"ks": test.ks, "chi2": test.chi2, "chi2_bins": test.bins}


def _jsonable(value: Any) -> Any:
    """The same with None for numbers that are not finite, which JSON does not have."""
    if isinstance(value, dict):
        return {key: _jsonable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_jsonable(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
