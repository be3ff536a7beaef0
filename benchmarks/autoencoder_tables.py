"""Tables of the autoencoders' errors."""

from __future__ import annotations

from statistics import fmean, stdev
from typing import Any

ORIGINAL_RMSE = 0.85  # reported by the original study for its tanh network


def variants(result: dict[str, Any]) -> str:
    """RMSE and central residuals of the variants, and the RMSE of the original study."""
    lines = [
        "| variant | RMSE | of m | of pt | of phi [rad] | of eta | largest of phi | seconds to train |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in result["rows"]:
        runs = row["runs"]
        widths = [
            _over_seeds([run["half_widths"][name] for run in runs], percent=name in ("m", "pt"))
            for name in ("m", "pt", "phi", "eta")
        ]
        rmse = _over_seeds([run["rmse"] for run in runs])
        largest = fmean([run["largest"]["phi"] for run in runs])
        seconds = fmean([run["seconds"] for run in runs])
        cells = (row["name"], rmse, *widths, f"{largest:.2f}", f"{seconds:.0f}")
        lines.append(_cells(*cells))
    lines.append(f"| the original study | {ORIGINAL_RMSE} | | | | | | |")
    seeds = len(result["rows"][0]["runs"])
    return "\n".join([*lines, "", f"{result['epochs']} epochs each; seeds: {seeds}."])


def in_short(result: dict[str, Any]) -> str:
    """RMSE, and the central residuals of pt and phi, of the variants."""
    lines = ["| variant | RMSE | of pt | of phi [rad] |", "|---|---|---|---|"]
    for row in result["rows"]:
        runs = row["runs"]
        pt = _over_seeds([run["half_widths"]["pt"] for run in runs], percent=True)
        phi = _over_seeds([run["half_widths"]["phi"] for run in runs])
        lines.append(_cells(row["name"], _over_seeds([run["rmse"] for run in runs]), pt, phi))
    lines.append(f"| the original study | {ORIGINAL_RMSE} | | |")
    return "\n".join(lines)


def events(result: dict[str, Any]) -> str:
    """Errors of the default codec on jets in events, and of their dijet masses."""
    runs = result["runs"]
    half_widths = [
        _over_seeds([run["half_widths"][name] for run in runs], percent=name in ("mass", "pt"))
        for name in ("mass", "pt", "phi", "eta")
    ]
    largest = _over_seeds([run["largest"]["phi"] for run in runs])
    smearing = _over_seeds([max(run["m_jj"]) for run in runs])
    seconds = f"{fmean([run['seconds'] for run in runs]):.0f}"
    return "\n".join(
        [
            "| of m | of pt | of phi [rad] | of eta | largest of phi | m_jj | seconds to train |",
            "|---|---|---|---|---|---|---|",
            _cells(*half_widths, largest, smearing, seconds),
            "",
            f"{result['events']:,} events; seeds: {len(runs)}.",
        ]
    )


def original(result: dict[str, Any]) -> str:
    """Errors of the original's network in the original's setting."""
    run, widths = result["run"], result["run"]["half_widths"]
    cells = [f"{widths[name]:.2%}" for name in ("m", "pt")]
    cells += [f"{widths[name]:.4f}" for name in ("phi", "eta")]
    return "\n".join(
        [
            "| epochs | RMSE | of m | of pt | of phi [rad] | of eta | seconds to train |",
            "|---|---|---|---|---|---|---|",
            _cells(f"{result['epochs']:,}", f"{run['rmse']:.4f}", *cells, f"{run['seconds']:,.0f}"),
        ]
    )


def precision(result: dict[str, Any]) -> str:
    """Errors of autoencoders that store or compute fewer bits."""
    lines = [
        "| encoder | weights and activations | latents | RMSE | of pt | of phi [rad] |",
        "|---|---|---|---|---|---|",
        *(
            _cells(
                row["encoder"],
                f"integers of {row['bits']} bits" if row["bits"] else "float32",
                row["latent_dtype"] if row["bits"] is None else "integers of 16 bits",
                f"{row['rmse']:.4f}",
                f"{row['half_widths']['pt']:.2%}",
                f"{row['half_widths']['phi']:.4f}",
            )
            for row in result["rows"]
        ),
    ]
    return "\n".join([*lines, "", f"{result['epochs']} epochs, and 10 more as integers."])


def _over_seeds(values: list[float], *, percent: bool = False) -> str:
    """Mean, and the standard deviation where there are several."""
    unit, factor, digits = ("%", 100, 2) if percent else ("", 1, 4)
    text = f"{factor * fmean(values):.{digits}f}{unit}"
    if len(values) > 1:
        text += f" ± {factor * stdev(values):.{digits}f}{unit}"
    return text


def _cells(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
