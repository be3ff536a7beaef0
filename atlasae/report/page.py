"""The report as one page of HTML that needs no other file."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from atlasae.jets.names import role
from atlasae.report.figures import SECTIONS, Figure

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_NAMES = {"pt": "p<sub>T</sub>", "phi": "φ", "eta": "η", "m": "m", "e": "E",
          "m_jj": "m<sub>jj</sub>", "delta_phi": "Δφ<sub>jj</sub>", "delta_r": "ΔR<sub>jj</sub>",
          "h_t": "H<sub>T</sub>", "leading_pt": "leading jet p<sub>T</sub>"}  # fmt: skip


@dataclass(frozen=True)
class Drawn:
    """A figure, and the files it was written to; the first one is shown."""

    figure: Figure
    paths: Sequence[Path]


def page(summary: dict[str, Any], drawn: Iterable[Drawn]) -> str:
    """The page.

    Args:
        summary: of ``atlasae.report.summary.summarise``.
        drawn: the figures, which are put into the page.
    """
    template = Template((files("atlasae.report") / "page.html").read_text(encoding="utf-8"))
    original = summary["original"]
    by_section: dict[str, list[Drawn]] = {section: [] for section in SECTIONS}
    for one in drawn:
        by_section[one.figure.section].append(one)
    filled = {section: shown for section, shown in by_section.items() if shown}
    names = ", ".join(file["name"] for file in summary["files"])
    events = f" in {_count(original['events'])} events" if original["events"] is not None else ""
    return template.substitute(
        title=escape(f"{Path(original['file']).name} compressed: {names}"),
        original=escape(Path(original["file"]).name),
        jets=escape(
            f"{_count(original['jets'])} jets{events}, collection"
            f" {original['collection'] or 'of plain branches'!r} in tree {original['tree']!r}"
        ),
        contents="".join(
            f'<li><a href="#{section}">{escape(SECTIONS[section])}</a></li>' for section in filled
        ),
        sizes=_sizes(summary),
        residuals=_residuals(summary["files"], "features"),
        derived=_derived(summary),
        remark=escape(summary["remark"]),
        sections="".join(_section(section, shown) for section, shown in filled.items()),
        command=escape(summary["command"]),
        made=escape(summary["made"]),
        versions=escape(", ".join(f"{k} {v}" for k, v in summary["versions"].items())),
    )


def _sizes(summary: dict[str, Any]) -> str:
    original = summary["original"]
    rows = [
        ("original", "", _count(original["file_bytes"]), "1", _number(original["bits_a_jet"], 4))
    ]
    rows += [
        (
            escape(file["name"]),
            f"<code>{escape(file['codec'])}</code>" if file["codec"] else "jets restored",
            _count(file["file_bytes"]),
            _number(file["ratio"], 3),
            _number(file["bits_a_jet"], 4),
        )
        for file in summary["files"]
    ]
    return _table(("file", "jets through", "bytes", "times smaller", "bits a jet"), rows, words=2)


def _derived(summary: dict[str, Any]) -> str:
    if not summary["files"][0]["observables"]:
        return "<p>The jets stand in no events: nothing was derived from them.</p>"
    return _residuals(summary["files"], "observables")


def _residuals(compared: Sequence[dict[str, Any]], what: str) -> str:
    rows = []
    for name in compared[0][what]:
        for file in compared:
            if name not in file[what]:
                continue
            row = file[what][name]
            cells = [
                _called(name),
                escape(file["name"]),
                f"{_number(row['mean'], 2)} ± {_number(row['mean_error'], 1)}",
                *(
                    _number(row[key], 3)
                    for key in ("sigma", "half_width", "half_width_95", "maximum")
                ),
            ]
            if what == "features":
                cells.append(_tolerance(row))
            else:
                cells.append(f"{_number(row.get('ks'), 2)}, p {_number(row.get('ks_p'), 2)}")
                cells.append(f"{_number(row.get('chi2'), 3)} / {row.get('chi2_bins', '')}")
            rows.append(tuple(cells))
    heads = ["", "file", "mean", "sigma", "68 % within ±", "95 % within ±", "largest"]
    heads += ["tolerance"] if what == "features" else ["KS", "chi-square / bins"]
    return _table(heads, rows, words=2)


def _tolerance(row: dict[str, Any]) -> str:
    tolerance, beyond = row["tolerance"], row["beyond_tolerance"]
    if tolerance is None:
        return "none"
    bound = "lossless" if tolerance["kind"] == "lossless" else f"± {tolerance['value']:.3g}"
    verdict = "kept by all" if not beyond else f"<strong>broken by {_count(beyond)}</strong>"
    return f"{bound}, {verdict}"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, words: int) -> str:
    """A table whose first ``words`` columns are words, the others numbers.

    Each cell knows its heading, for narrow screens that show a row as a list.
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


def _section(section: str, shown: Sequence[Drawn]) -> str:
    groups: dict[str, list[Drawn]] = {}
    for one in shown:
        groups.setdefault(one.figure.group, []).append(one)
    parts = [f'<section id="{section}"><h2>{escape(SECTIONS[section])}</h2>']
    for name, of_group in groups.items():
        parts.append(f"<h3>{escape(name)}</h3>" if name else "")
        parts.append(_grid([one for one in of_group if not one.figure.wide], 3))
        parts.append(_grid([one for one in of_group if one.figure.wide], 2))
    return "".join([*parts, "</section>"])


def _grid(shown: Sequence[Drawn], columns: int) -> str:
    """Figures in at most so many columns, in fewer where one would stand alone in its row."""
    if not shown:
        return ""
    if len(shown) % columns == 1 or len(shown) < columns:
        columns = 2
    figures = "".join(map(_figure, shown))
    return f'<div class="figures" style="--columns: {columns}">{figures}</div>'


def _figure(one: Drawn) -> str:
    data = base64.b64encode(one.paths[0].read_bytes()).decode("ascii")
    caption = escape(one.figure.caption)
    return (
        f'<figure><img src="data:image/png;base64,{data}" alt="{caption}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _called(name: str) -> str:
    return _NAMES.get(name) or _NAMES.get(role(name) or "") or escape(name)


def _count(value: int) -> str:
    return f"{value:,}"


def _number(value: float | None, digits: int) -> str:
    """A number to some digits; nothing where there is none."""
    if value is None:
        return ""
    text = f"{value:.{digits}g}"
    number, _, power = text.partition("e")
    if power:
        number += f" · 10<sup>{int(power)}</sup>"
    return number.replace("-", "\N{MINUS SIGN}")
