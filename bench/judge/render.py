"""The report as Markdown and as JSON."""

import dataclasses
import json
import math
from collections.abc import Sequence

from bench.judge.figures import Bound, Figure, Table


def markdown(tables: Sequence[Table], command: str) -> str:
    """A page with every table, its bounds below it."""
    parts = [
        "# The judge in figures",
        f"Made by `{command}`: the same seed the same figures. In parentheses: two-sided 95 % "
        "limits, of shares by Wilson's score. How the judge works is told in [judge.md](judge.md), how to make such "
        "figures for a service of your own in [simulate.md](simulate.md).",
    ]
    for table in tables:
        parts += [f"## {table.title}", f"{table.note} {table.runs:,} runs.", _rows(table)]
        if table.bounds:
            parts.append("\n".join(_bound(bound) for bound in table.bounds))
    return "\n\n".join(parts) + "\n"


def document(tables: Sequence[Table]) -> str:
    """The same as JSON."""
    content = {
        "tables": [
            {
                "title": table.title,
                "runs": table.runs,
                "note": table.note,
                "rows": [
                    {"name": name, **{key: _json(found) for key, found in row.items()}} for name, row in table.rows
                ],
                "bounds": [{**dataclasses.asdict(bound), "holds": bound.holds} for bound in table.bounds],
            }
            for table in tables
        ],
    }
    return json.dumps(content, indent=1) + "\n"


def _json(figure: Figure) -> dict[str, float | None]:
    limits = {"value": figure.value, "low": figure.low, "high": figure.high}
    return {key: value if math.isfinite(value) else None for key, value in limits.items()}


def _rows(table: Table) -> str:
    columns = list(dict.fromkeys(column for _, row in table.rows for column in row))
    lines = [f"| | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for name, row in table.rows:
        lines.append(f"| {name} | {' | '.join(_figure(row.get(column)) for column in columns)} |")
    return "\n".join(lines)


def _figure(figure: Figure | None) -> str:
    if figure is None:
        return ""
    if not math.isfinite(figure.value):
        return "never"
    limits = (figure.value, figure.low, figure.high)
    if figure.is_share:
        value, low, high = (f"{100 * limit:.2f}" for limit in limits)
        return f"{value} % ({low} to {high})"
    digits = 0 if abs(figure.value) >= 100 else 1
    value, low, high = (f"{limit:,.{digits}f}" for limit in limits)
    return f"{value} ({low} to {high})"


def _bound(bound: Bound) -> str:
    found, most = (
        (f"{100 * bound.found:.2f} %", f"{100 * bound.most:g} %")
        if bound.is_share
        else (f"{bound.found:,.1f}", f"{bound.most:,.1f}")
    )
    told = f"{bound.name} {found}, at most {most}"
    return f"- kept: {told}" if bound.holds else f"- **not kept**: {told}. {bound.why_not}".rstrip()
