"""The report as one page of HTML that needs no other file."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from atlasae.features import role
from atlasae.report.figures import SECTIONS, Figure

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
                _called(name) + (", relative" if row["relative"] else ""),
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
    heads = ["", "file", "mean", "σ", "68 % within ±", "95 % within ±", "largest"]
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
    """A table whose first ``words`` columns are words, the others numbers."""
    head = "".join(f"<th>{head}</th>" for head in heads)
    body = "".join(
        "<tr>"
        + "".join(
            f"<{tag}{'' if i < words else ' class=number'}>{cell}</{tag}>"
            for i, cell in enumerate(row)
            for tag in ["th" if i == 0 else "td"]
        )
        + "</tr>"
        for row in rows
    )
    return f'<div class="table"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _section(section: str, shown: Sequence[Drawn]) -> str:
    figures = "".join(_figure(one) for one in shown)
    return (
        f'<section id="{section}"><h2>{escape(SECTIONS[section])}</h2>'
        f'<div class="figures">{figures}</div></section>'
    )


def _figure(one: Drawn) -> str:
    data = base64.b64encode(one.paths[0].read_bytes()).decode("ascii")
    caption = escape(one.figure.caption)
    wide = ' class="wide"' if one.figure.wide else ""
    return (
        f'<figure{wide}><img src="data:image/png;base64,{data}" alt="{caption}">'
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
