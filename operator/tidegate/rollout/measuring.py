"""What is measured, and when: the cells of the present weight, and what the metrics said of them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from tidegate.api.spec import Analysis, Rollout
from tidegate.api.status import ModelDeploymentStatus
from tidegate.judge.counts import CellCounts, Uncountable
from tidegate.judge.grid import Cell, Grid, next_scrape
from tidegate.judge.queries import QueryResult
from tidegate.judge.rules import Latency, Metric, Rules
from tidegate.judge.strata import Counts

SETTLE_SECONDS = 1.0
"""From the end of a cell to the moment its last scrape can surely be asked for."""


RISE_LEAD_SECONDS = 3.0
"""From the writing of a weight to the moment it is surely in force: that of the gateway, and a second to get there."""


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What the metrics said of the cells that are over since the last one judged.

    Attributes
    ----------
    cell_seconds
        Length of a cell of the grid.
    cells_from
        Start of the first cell at the present weight, Unix time in milliseconds; None where it is not known yet.
    rise_from
        Moment (Unix time in milliseconds) from which a higher weight would come in force just before the next scrape;
        None where that is not known.
    cells
        Oldest first, each with its counts or the reason there are none.
    trouble
        Why nothing could be measured at all.
    queries
        The user's queries, asked once.
    history
        Stable's counts per interval in the hour before, by metric; asked for with a rollout's first measurement only.
    metrics
        What the gateway's proxies can tell.
    latency_edge
        Milliseconds over which a request counted as slow; None where that is not known yet.
    """

    cell_seconds: float
    cells_from: int | None = None
    rise_from: int | None = None
    cells: tuple[tuple[Cell, CellCounts | Uncountable], ...] = ()
    trouble: Uncountable | None = None
    queries: tuple[QueryResult, ...] = ()
    history: Mapping[Metric, tuple[Counts, ...]] = field(default_factory=dict)
    metrics: frozenset[Metric] = frozenset(Metric)
    latency_edge: float | None = None


def rules_of(analysis: Analysis) -> Rules:
    """The numbers a rollout is judged by."""
    statistics, errors, latency = analysis.statistics, analysis.errors, analysis.latency
    return Rules(
        alpha=float(statistics.false_rollback_rate),
        beta=float(statistics.false_promotion_rate),
        tolerate=float(statistics.tolerate_odds_ratio),
        below=float(statistics.promote_below_odds_ratio),
        limit=errors.max_share,
        ignore_below=errors.ignore_below,
        latency=None
        if latency is None
        else Latency(
            bound_milliseconds=latency.bound_milliseconds,
            limit=latency.max_share,
            ignore_below=latency.ignore_below,
        ),
        client_errors=True,
    )


class Judged(Protocol):
    """What a revision is judged by and what is recorded of it: a rollout, or the watch over a promoted revision."""

    revision: str
    plan: Rollout
    cell_milliseconds: int | None
    cells_from_milliseconds: int | None
    judged_until: datetime | None
    evidence: dict[str, Any]

    @property
    def late_timeouts(self) -> bool:
        """Time-outs of a higher weight may still come in."""


def judged_now(status: ModelDeploymentStatus, now: datetime) -> tuple[Judged, float] | None:
    """What is judged, if anything, and the moment (Unix seconds) from which requests count at the present weight."""
    since, rollout = status.slots.a.in_force_since, status.rollout
    if since is None or since > now:
        return None
    if rollout is None:
        return (status.after_promotion, since.timestamp()) if status.after_promotion is not None else None
    compared = min(status.slots.a.weight, status.slots.b.weight) > 0
    return (rollout, since.timestamp()) if compared and rollout.phase in ("Stepping", "Promoting") else None


def counted_from(judged: Judged, since: float, timeout_seconds: int) -> float:
    """Moment from which requests count at the present weight: after a decrease late time-outs are let pass first."""
    return since + (float(timeout_seconds) if judged.late_timeouts else 0.0)


def cells_from(judged: Judged, counts_from: float) -> float | None:
    """Start of the first cell at the present weight (Unix seconds) as recorded; None where it is not known yet."""
    recorded = judged.cells_from_milliseconds
    # One from before belongs to another weight, or to this one before the gateway lost it.
    return None if recorded is None or recorded / 1000 < counts_from else recorded / 1000


def note_cells(judged: Judged, measured: Measurement) -> None:
    """Record how long the cells are and where they begin, which nothing unanswered can tell."""
    if measured.trouble is None:
        judged.cell_milliseconds = round(measured.cell_seconds * 1000)
    if measured.cells_from is not None:
        judged.cells_from_milliseconds = measured.cells_from


def judged_until(judged: Judged, since: float) -> float:
    """End of what was judged, never before the present weight came in force."""
    # The evidence holds it to the last digit; a date rounds it, and a cell could then seem to be judged already.
    recorded = float(judged.evidence["judgedUntil"]) if judged.evidence else since
    return max(recorded, since)


def cell_seconds(judged: Judged) -> float:
    """Length of the cells: as asked for, until the first measurement fixed it."""
    if judged.cell_milliseconds is not None:
        return judged.cell_milliseconds / 1000
    return float(judged.plan.analysis.interval_seconds)


def latency_edge(judged: Judged) -> float | None:
    """Milliseconds over which a request counts as slow, as recorded; None before anything was timed."""
    recorded = judged.evidence.get("latencyEdge")
    return None if recorded is None else float(recorded)


def next_due(judged: Judged, since: float, timeout_seconds: int) -> float:
    """Moment (Unix seconds) at which the next cell can be asked for."""
    counts_from, length = counted_from(judged, since, timeout_seconds), cell_seconds(judged)
    grid = Grid(cells_from(judged, counts_from) or counts_from, length, counts_from)
    index = grid.index_at_or_after(max(judged_until(judged, since), grid.origin))
    return grid.boundary(index + 1) + SETTLE_SECONDS


def rise_from(scrapes: Sequence[Sequence[float]], now: float, length: float) -> int | None:
    """When to write a higher weight, Unix time in milliseconds; no later than a cell's length from the soonest moment.

    Parameters
    ----------
    scrapes
        Per proxy the times of its successful scrapes, ascending.
    now, length
        Unix seconds; seconds of a cell.
    """
    soonest = now + RISE_LEAD_SECONDS
    scrape = next_scrape(scrapes, soonest)
    if scrape is None or scrape > soonest + length:
        return None
    return math.floor(round((scrape - RISE_LEAD_SECONDS) * 1000, 3))
