"""The report as one HTML page that needs no other file."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from atlasae.jets.names import role
from atlasae.report.figure import SECTIONS, Figure

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_SYMBOLS = {"pt": "p<sub>T</sub>", "phi": "φ", "eta": "η", "m": "m", "e": "E",
          "m_jj": "m<sub>jj</sub>", "delta_phi": "Δφ<sub>jj</sub>", "delta_r": "ΔR<sub>jj</sub>",
          "h_t": "H<sub>T</sub>", "missing_h_t": "missing H<sub>T</sub>",
          "leading_pt": "leading jet p<sub>T</sub>"}  # fmt: skip


# by whether a promise is kept: a mark, and its class in the style sheet
_MARKS = {True: ("✓", "kept"), False: ("✗", "broken"), None: ("·", "none")}


@dataclass(frozen=True)
class DrawnFigure:
    """A figure, and the files it was written to; the page shows the first one."""

    figure: Figure
    paths: Sequence[Path]


def page(summary: dict[str, Any], drawn: Iterable[DrawnFigure]) -> str:
    """The HTML of the page.

    Args:
        summary: from ``atlasae.report.summary.summarize``.
        drawn: the figures, which become part of the page.
    """
    template = Template((files("atlasae.report") / "page.html").read_text(encoding="utf-8"))
    original = summary["original"]
    by_section: dict[str, list[DrawnFigure]] = {section: [] for section in SECTIONS}
    for item in drawn:
        by_section[item.figure.section].append(item)
    non_empty = {section: figures for section, figures in by_section.items() if figures}
    names = ", ".join(file["name"] for file in summary["files"])
    events = f" in {_count(original['events'])} events" if original["events"] is not None else ""
    collection = f"collection {original['collection']!r}" if original["collection"] else "flat"
    tree = repr(original["tree"])
    weighted = " Means, widths and quantiles are weighted." if summary["weighted"] else ""
    return template.substitute(
        panels="".join(map(_panel, summary["files"])),
        weighted=weighted,
        title=escape(f"{Path(original['file']).name} compressed: {names}"),
        original=escape(Path(original["file"]).name),
        jets=escape(f"{_count(original['jets'])} jets{events}, {collection}, tree {tree}"),
        contents="".join(
            f'<li><a href="#{section}">{escape(SECTIONS[section])}</a></li>'
            for section in non_empty
        ),
        sizes=_sizes(summary),
        residuals=_residuals(summary["files"], "features"),
        derived=_derived(summary),
        remark=escape(summary["remark"]),
        sections="".join(_section(name, figures) for name, figures in non_empty.items()),
        command=escape(summary["command"]),
        date=escape(summary["date"]),
        versions=escape(", ".join(f"{k} {v}" for k, v in summary["versions"].items())),
    )


def _panel(file: dict[str, Any]) -> str:
    """What was promised for a file and what was found, in one line each."""
    kept = [line["kept"] for line in file["panel"] if line["kept"] is not None]
    state = "none" if not kept else "kept" if all(kept) else "broken"
    size, *lines = file["panel"]
    promised = "".join(_panel_line(line) for line in lines if line["kept"] is not None)
    others = "".join(_panel_line(line) for line in lines if line["kept"] is None)
    return (
        f'<article class="{state}"><h3>{escape(file["name"])}</h3>'
        f'<p class="verdict">{escape(file["verdict"])}</p><p>{escape(size["found"])}</p>'
        + (f"<dl>{promised}</dl>" if promised else "")
        + (f"<h4>Measured, not promised</h4><dl>{others}</dl>" if others else "")
        + "</article>"
    )


def _panel_line(line: dict[str, Any]) -> str:
    mark, word = _MARKS[line["kept"]]
    promised = f"{escape(line['promised'])}: " if line["promised"] else ""
    what, _, more = line["what"].partition(" ")
    return (
        f'<div class="{word}"><dt><span class="mark">{mark}</span>'
        f"{_symbol(what)} {_with_minus(escape(more))}</dt>"
        f"<dd>{promised}<span>{_with_powers(escape(line['found']))}</span></dd></div>"
    )


def _sizes(summary: dict[str, Any]) -> str:
    original = summary["original"]
    rows = [("original", "", _count(original["file_bytes"]), "1", _bits(original["bits_per_jet"]))]
    rows += [
        (
            escape(file["name"]),
            f"<code>{escape(file['codec'])}</code>" if file["codec"] else "none: restored file",
            _count(file["file_bytes"]),
            _number(file["ratio"], 3),
            _bits(file["bits_per_jet"]),
        )
        for file in summary["files"]
    ]
    return _table(("file", "codec", "bytes", "compression factor", "bits per jet"), rows, words=2)


def _bits(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _derived(summary: dict[str, Any]) -> str:
    if not summary["files"][0]["observables"]:
        return "<p>The jets are not grouped by event, so there are no observables.</p>"
    return _residuals(summary["files"], "observables")


def _residuals(compared: Sequence[dict[str, Any]], what: str) -> str:
    rows = []
    for name in compared[0][what]:
        for file in compared:
            if name not in file[what]:
                continue
            row = file[what][name]
            cells = [
                _symbol(name),
                escape(file["name"]),
                *(
                    _number(row[key], 3)
                    for key in ("median", "half_width", "half_width_95", "maximum")
                ),
                *_moments(row),
            ]
            if what == "features":
                cells.append(_tolerance(row))
            else:
                cells.append(f"{_number(row.get('ks'), 2)}")
                cells.append(f"{_number(row.get('chi2'), 3)} / {row.get('chi2_bins', '')}")
            rows.append(tuple(cells))
    heads = ["", "file", "median", "68 % within ±", "95 % within ±", "maximum", "mean", "sigma"]
    heads += ["tolerance"] if what == "features" else ["KS", "chi-square / bins"]
    return _table(heads, rows, words=2)


def _moments(row: dict[str, Any]) -> tuple[str, str]:
    """Mean and sigma, or a word where few outliers decide them."""
    if row["few_outliers_decide"]:
        return "set by outliers", "set by outliers"
    return (
        f"{_number(row['mean'], 2)} ± {_number(row['mean_error'], 1)}",
        _number(row["sigma"], 3),
    )


def _tolerance(row: dict[str, Any]) -> str:
    tolerance, beyond = row["tolerance"], row["beyond_tolerance"]
    if tolerance is None:
        return "none"
    bound = "lossless" if tolerance["kind"] == "lossless" else f"± {tolerance['value']:.3g}"
    verdict = f"<strong>exceeded by {_count(beyond)}</strong>" if beyond else "never exceeded"
    return f"{bound}, {verdict}"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, words: int) -> str:
    """A table whose first ``words`` columns are text, the others numbers.

    Each cell also holds its heading, for narrow screens that show rows as lists.
    """
    head = "".join(f"<th>{head}</th>" for head in heads)
    body = "".join(f"<tr>{_cells(heads, row, words)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cells(heads: Sequence[str], row: Sequence[str], words: int) -> str:
    first, *others = row
    cells = [f"<th>{first}</th>"]
    for i, (head, cell) in enumerate(zip(heads[1:], others, strict=True), start=1):
        kind = "" if i < words else ' class="number"'
        cells.append(f'<td{kind} data-head="{head}">{cell}</td>')
    return "".join(cells)


def _section(name: str, drawn: Sequence[DrawnFigure]) -> str:
    groups: dict[str, list[DrawnFigure]] = {}
    for item in drawn:
        groups.setdefault(item.figure.group, []).append(item)
    html = [f'<section id="{name}"><h2>{escape(SECTIONS[name])}</h2>']
    for heading, group in groups.items():
        html.append(f"<h3>{escape(heading)}</h3>" if heading else "")
        html.append(_grid([item for item in group if not item.figure.wide], 3))
        html.append(_grid([item for item in group if item.figure.wide], 2))
    return "".join([*html, "</section>"])


def _grid(drawn: Sequence[DrawnFigure], columns: int) -> str:
    """Figures in at most this many columns, or in two if these leave less room empty."""
    if not drawn:
        return ""
    if -len(drawn) % columns > -len(drawn) % 2 or len(drawn) < columns:
        columns = 2
    figures = "".join(map(_figure, drawn))
    return f'<div class="figures" style="--columns: {columns}">{figures}</div>'


def _figure(item: DrawnFigure) -> str:
    data = base64.b64encode(item.paths[0].read_bytes()).decode("ascii")
    caption = escape(item.figure.caption)
    return (
        f'<figure><img src="data:image/png;base64,{data}" alt="{caption}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _symbol(name: str) -> str:
    return _SYMBOLS.get(name) or _SYMBOLS.get(role(name) or "") or escape(name)


def _with_minus(text: str) -> str:
    """Numbers in a text with a minus sign instead of a hyphen."""
    return re.sub(r"(?<![\w.])-(?=[\d.])", "\N{MINUS SIGN}", text)


def _with_powers(text: str) -> str:
    """Numbers in a text with powers of ten as such.

    Example:
        >>> _with_powers("worst 2.1e+06")
        'worst 2.1 · 10<sup>6</sup>'
    """
    return re.sub(r"(?<=\d)e([+-]\d+)", lambda m: _power(m[1]), text)


def _power(exponent: str) -> str:
    return f" · 10<sup>{int(exponent)}</sup>".replace("-", "\N{MINUS SIGN}")


def _count(value: int) -> str:
    return f"{value:,}"


def _number(value: float | None, digits: int) -> str:
    """A number to so many digits; empty for None."""
    if value is None:
        return ""
    text = f"{value:.{digits}g}"
    number, _, power = text.partition("e")
    if power:
        number += _power(power)
    return number.replace("-", "\N{MINUS SIGN}")
