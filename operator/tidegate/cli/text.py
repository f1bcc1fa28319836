"""Plain text for people: columns, ages, moments."""

import shutil
import textwrap
from collections.abc import Sequence
from datetime import UTC, datetime

WIDEST = 120
GAP = "   "


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows under each other, every column as wide as its widest cell; nothing is cut off."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = (GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "\n".join(lines)


def age(since: datetime, now: datetime) -> str:
    """For example "42s", "17m", "5h" or "3d"."""
    seconds = max(0, int((now - since).total_seconds()))
    for size, letter, below in ((1, "s", 120), (60, "m", 7200), (3600, "h", 172_800)):
        if seconds < below:
            return f"{seconds // size}{letter}"
    return f"{seconds // 86_400}d"


def clock(moment: datetime) -> str:
    """Time of day in UTC, with the date where it is not today's."""
    shown = moment.astimezone(UTC)
    return f"{shown:%H:%M:%S} UTC" if shown.date() == datetime.now(UTC).date() else f"{shown:%Y-%m-%d %H:%M:%S} UTC"


def paragraph(label: str, text: str, margin: int) -> str:
    """A labelled paragraph, wrapped beside its label."""
    width = min(WIDEST, shutil.get_terminal_size((WIDEST, 24)).columns)
    wrapped = textwrap.wrap(text, max(40, width - margin), break_long_words=False, break_on_hyphens=False)
    return textwrap.indent("\n".join(wrapped), " " * margin).replace(" " * margin, f"{label:<{margin}}", 1)


def cut(text: str, length: int) -> str:
    """At most `length` characters."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"
