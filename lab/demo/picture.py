"""A picture of the demo: the new revision's weight over time, and the failed requests below it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

WIDTH, HEIGHT, GAP, HEAD = 420, 150, 56, 34
STRIP = 30
AXIS = HEIGHT + STRIP + 12
FOOT = 24
FULL = 1_000_000
COLOURS = {"weight": "#1769aa", "failed": "#c62828", "grid": "#d0d7de", "text": "#57606a", "paper": "#ffffff"}


@dataclass(frozen=True)
class Course:
    """How one stage went.

    Parameters
    ----------
    weights
        (seconds since the stage began, the new revision's weight in parts per million), in order of time.
    failures
        Seconds since the stage began of each failed request.
    ending
        The outcome in words.
    """

    title: str
    weights: Sequence[tuple[float, int]]
    failures: Sequence[float]
    seconds: float
    ending: str


def write_picture(file: Path, courses: Sequence[Course]) -> None:
    """Write the courses side by side as one SVG file."""
    width = len(courses) * (WIDTH + GAP) + GAP
    height = HEAD + AXIS + FOOT
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        'font-size="12">',
        f'<rect width="{width}" height="{height}" fill="{COLOURS["paper"]}"/>',
    ]
    for number, course in enumerate(courses):
        lines.append(f'<g transform="translate({GAP + number * (WIDTH + GAP)},{HEAD})">')
        lines += panel(course)
        lines.append("</g>")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join([*lines, "</svg>", ""]))


def panel(course: Course) -> Iterator[str]:
    """Draw one course: the weight above, the failed requests below, the seconds under both."""
    scale = WIDTH / max(course.seconds, 1)
    yield text(0, -14, f"{course.title}: {course.ending}", weight="bold")
    yield from grid(course.seconds, scale)
    yield weight_line(course, scale)
    yield from failure_bars(course.failures, scale)


def grid(seconds: float, scale: float) -> Iterator[str]:
    """Draw the axes: percent of traffic upwards, seconds to the right."""
    for percent in (0, 25, 50, 75, 100):
        y = height_of(percent * FULL // 100)
        yield f'<path d="M0 {y:.1f}H{WIDTH}" stroke="{COLOURS["grid"]}"/>'
        yield text(-4, y + 4, f"{percent} %", anchor="end", colour="weight")
    yield text(-4, HEIGHT + 22, "failed", anchor="end", colour="failed")
    yield f'<path d="M0 {AXIS}H{WIDTH}" stroke="{COLOURS["grid"]}"/>'
    step = next(step for step in (10, 20, 30, 60, 120, 300) if seconds / step <= 8 or step == 300)
    for mark in range(0, int(seconds) + 1, step):
        yield text(mark * scale, AXIS + 16, f"{mark} s", anchor="middle")


def weight_line(course: Course, scale: float) -> str:
    """Draw the weight as steps."""
    path = "M0 " + f"{height_of(0):.1f}"
    for seconds, weight in course.weights:
        path += f"H{seconds * scale:.1f}V{height_of(weight):.1f}"
    return f'<path d="{path}H{WIDTH}" fill="none" stroke="{COLOURS["weight"]}" stroke-width="2.5"/>'


def failure_bars(failures: Sequence[float], scale: float) -> Iterator[str]:
    """Draw a bar for each second in which requests failed, in the strip above the time axis."""
    counts = Counter(int(seconds) for seconds in failures)
    tallest = max(counts.values(), default=1)
    for second, count in sorted(counts.items()):
        height = STRIP * count / tallest
        yield (
            f'<rect x="{second * scale:.1f}" y="{AXIS - height:.1f}" width="{max(scale * 0.6, 1):.1f}" '
            f'height="{height:.1f}" fill="{COLOURS["failed"]}"><title>{count} failed</title></rect>'
        )


def height_of(weight: int) -> float:
    """Return the height on paper of a weight in parts per million."""
    return HEIGHT * (1 - weight / FULL)


def text(
    x: float, y: float, content: str, *, anchor: str = "start", weight: str = "normal", colour: str = "text"
) -> str:
    """Draw some words."""
    style = f'text-anchor="{anchor}" font-weight="{weight}" fill="{COLOURS[colour]}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(content)}</text>'
