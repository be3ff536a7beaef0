"""The table of what it takes to bound an autoencoder's error."""

from __future__ import annotations

from typing import Any


def table(result: dict[str, Any]) -> str:
    """Bits per jet of latents and residuals, and times of the bounded codec's."""
    lines = [
        "| tolerance | codec | latents | residuals | bits per jet | to encode | to decode |",
        "|---|---|---|---|---|---|---|",
    ]
    bounded: dict[float, Any] = {
        row["tolerance"]: row for row in result["rows"] if not row["latents"]
    }
    for row in result["rows"]:
        first = bounded[row["tolerance"]]
        cells = [f"{row['tolerance']:g}", "bounded", "", "", f"{row['bits']:.1f}", "1", "1"]
        if row["latents"]:
            residuals = row["bits"] - row["latent_bits"]
            ratios = [
                f"{row['nanoseconds'][way] / first['nanoseconds'][way]:.0f} times"
                for way in ("encode", "decode")
            ]
            bits = [f"{row['latent_bits']:.1f}", f"{residuals:.1f}", f"{row['bits']:.1f}"]
            cells = ["", f"autoencoder, latents {row['latents']}", *bits, *ratios]
        lines.append(f"| {' | '.join(cells)} |")
    sizes = [row["codec_bytes"] for row in result["rows"] if row["latents"]]
    worst = max(row["largest_error"] for row in result["rows"])
    kept = "all values are within it" if worst <= 1 else "the tolerance is BROKEN"
    notes = [
        (
            f"What decodes takes {min(sizes):,} to {max(sizes):,} bytes for the autoencoder,"
            f" {max(row['codec_bytes'] for row in bounded.values()):,} at most for the bounded codec."
        ),
        f"All values were compared with the tolerance: {kept}.",
        (
            "Times are ratios of processor time to that of the bounded codec in the same run, on one"
            f" thread; {result['machine']['processor']}."
        ),
    ]
    return "\n".join([*lines, "", *(f"- {note}" for note in notes)])
