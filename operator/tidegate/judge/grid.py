"""The grid of intervals: which cells are complete, told from the timestamps of scrapes alone.

All times are seconds on the clock of the metrics source, so that no other clock can make a cell longer or shorter.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

LOOK_BEHIND_SECONDS = 300.0
"""How far before a cell the sample may lie that its first difference starts from."""
REACH_SECONDS = 3600.0
"""Cells that began longer ago than this are given up: nobody fetches raw samples without bound."""
SCRAPES_LOOKED_AT = 10
ON_THE_GRID = 1e-6
SCRAPE_JITTER = 0.01
"""Share of a cell by which a scrape may come late and still be the last one of its cell."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One interval (start, end].

    Parameters
    ----------
    start, end
        Times of the metrics source.
    length
        Length of a regular cell; this one is longer if there were no scrapes for a while. Judged time is counted in
        regular lengths.
    counts_from
        No difference may start from a sample older than this.
    """

    start: float
    end: float
    length: float
    counts_from: float

    @property
    def seconds(self) -> float:
        """Time from start to end."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Grid:
    """Cells of equal length at one weight.

    Parameters
    ----------
    origin
        Start of the first cell, from `first_boundary`.
    length
        Seconds per cell, from `interval_length`.
    counts_from
        Moment from which requests count: no difference may start from an older sample. None for the origin.
    """

    origin: float
    length: float
    counts_from: float | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.length) and self.length > 0.0):
            raise ValueError(f"found intervals of {self.length} s; expected more than 0")

    def cell(self, start: float, end: float) -> Cell:
        """The cell between two boundaries."""
        return Cell(start, end, self.length, self.origin if self.counts_from is None else self.counts_from)

    def boundary(self, index: int) -> float:
        """Start of the cell with this index."""
        return self.origin + index * self.length

    def index_at_or_after(self, moment: float) -> int:
        """Index of the first boundary not before a moment."""
        return max(0, math.ceil((moment - self.origin) / self.length - ON_THE_GRID))


def first_boundary(scrapes: Iterable[Sequence[float]], counts_from: float, length: float) -> float:
    """Where the first cell at a weight begins: just after the scrapes from which its differences start.

    A cell that began between two scrapes would lose what came before the second one. Every proxy is waited for that was
    scraped in the cell's length before, for at most as long again.

    Parameters
    ----------
    scrapes
        Per proxy the times of its successful scrapes, ascending, at least until `counts_from + length`.
    counts_from
        Moment from which requests count.
    length
        Seconds per cell.

    Returns
    -------
    float
        Seconds, in whole milliseconds.
    """
    begins = counts_from
    for times in scrapes:
        if any(counts_from - length < moment < counts_from for moment in times):
            first = next((moment for moment in times if moment >= counts_from), math.inf)
            begins = max(begins, first) if first <= counts_from + length else begins
    return math.ceil(round((begins + SCRAPE_JITTER * length) * 1000.0, 3)) / 1000.0


def interval_length(interval_seconds: float, scrapes: Iterable[Sequence[float]]) -> float:
    """Seconds per cell: as asked for, or twice the largest gap between scrapes where those are rarer.

    Parameters
    ----------
    interval_seconds
        What the user asked for.
    scrapes
        Per target the times of its `up` samples, ascending; the last ten are looked at.
    """
    recent = (times[-SCRAPES_LOOKED_AT:] for times in scrapes)
    gaps = (after - before for times in recent for before, after in pairwise(times))
    return max(interval_seconds, 2.0 * max(gaps, default=0.0))


def next_scrape(scrapes: Iterable[Sequence[float]], moment: float) -> float | None:
    """The first scrape of any proxy due at or after `moment` (seconds), if they go on as before; None if unknown.

    Parameters
    ----------
    scrapes
        Per proxy the times of its successful scrapes, ascending.
    """
    due = []
    for *_, before, last in (times for times in scrapes if len(times) > 1):
        due.append(last + max(0, math.ceil((moment - last) / (last - before) - ON_THE_GRID)) * (last - before))
    return min(due, default=None)


def complete_cells(grid: Grid, judged_until: float, evaluation: float, scrapes: Iterable[float]) -> tuple[Cell, ...]:
    """Cells after `judged_until` that are over, oldest first.

    A cell without a scrape is joined to the next one. A cell is over when a scrape was seen in its second half or
    later, so an evaluation time that ran ahead ends none early. The answer depends on the samples only, not on how
    often anybody asked.

    Parameters
    ----------
    judged_until
        End of the last cell counted or skipped.
    evaluation
        Time the samples were asked for, less the time they take to settle; at most the moment the weight was changed.
    scrapes
        Times of successful scrapes of any proxy.
    """
    seen = sorted(moment for moment in scrapes if moment <= evaluation)
    if not seen:
        return ()
    earliest = max(judged_until, grid.origin, seen[-1] - REACH_SECONDS)
    index = grid.index_at_or_after(earliest)
    start = grid.boundary(index)
    cells: list[Cell] = []
    while (end := grid.boundary(index + 1)) <= evaluation and end - grid.length / 2.0 <= seen[-1]:
        if bisect_right(seen, end) > bisect_right(seen, start):
            cells.append(grid.cell(start, end))
            start = end
        index += 1
    return tuple(cells)
