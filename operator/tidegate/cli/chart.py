"""Charts of many rollouts, in characters."""

import numpy as np
from rich.text import Text

from tidegate.rollout.capacity import WHOLE
from tidegate.simulation.arrays import Floats
from tidegate.simulation.results import Outcome, Results

WIDTH, HEIGHT = 64, 8
EIGHTHS = " ▁▂▃▄▅▆▇█"
MARGIN = 9


def weights_over_time(results: Results, end: float) -> Floats:
    """Median weight (0 to 1) of the runs under way at each column's middle; NaN where none is."""
    weight, found = np.full(results.runs, np.nan), np.full(WIDTH, np.nan)
    moments, numbers, weights = results.changes
    numbers, done = numbers.astype(np.int64), 0
    for column, moment in enumerate(middles(end)):
        upto = int(np.searchsorted(moments, moment, side="right"))
        # Later changes of one run come later, and the last one assigned stays.
        weight[numbers[done:upto]] = weights[done:upto] / WHOLE
        done = upto
        going = results.seconds > moment
        if going.any():
            found[column] = np.median(weight[going])
    return found


def ended_by(results: Results, outcome: Outcome, end: float) -> Floats:
    """Share of all runs that ended so by each column's middle."""
    moments = np.sort(results.seconds[results.outcome == outcome])
    return np.searchsorted(moments, middles(end), side="right") / results.runs


def middles(end: float) -> Floats:
    """Moments in the middle of the columns."""
    return (np.arange(WIDTH) + 0.5) * end / WIDTH


def weight_chart(results: Results, end: float) -> Text:
    """Median weight of the runs under way over time."""
    values = np.nan_to_num(weights_over_time(results, end))
    top = max(0.01, float(values.max()))
    rows = [Text("weight of the candidate, median of the rollouts under way\n", style="bold")]
    for row in range(HEIGHT - 1, -1, -1):
        label = f"{100 * top:.3g} %" if row == HEIGHT - 1 else ("0 %" if row == 0 else "")
        filled = "".join(_block(value / top * HEIGHT - row) for value in values)
        rows.append(Text.assemble(f"{label:>{MARGIN - 2}} ┤", (filled, "cyan"), "\n"))
    return Text.assemble(*rows, _axis(end))


def outcome_chart(results: Results, end: float) -> Text:
    """Share of rollouts promoted (from below) and rolled back (from above) over time."""
    promoted, rolled_back = (ended_by(results, outcome, end) for outcome in (Outcome.Promoted, Outcome.RolledBack))
    title = "share of all rollouts that are "
    rows = [
        Text.assemble((title, "bold"), ("█ promoted", "green"), ", ", ("░ rolled back", "red"), ", blank under way\n")
    ]
    for row in range(HEIGHT - 1, -1, -1):
        label = "100 %" if row == HEIGHT - 1 else ("0 %" if row == 0 else "")
        cells = [_cell(row, up, down) for up, down in zip(promoted, rolled_back, strict=True)]
        rows.append(Text.assemble(f"{label:>{MARGIN - 2}} ┤", *cells, "\n"))
    return Text.assemble(*rows, _axis(end))


def _cell(row: int, promoted: float, rolled_back: float) -> tuple[str, str]:
    from_above = rolled_back * HEIGHT - (HEIGHT - 1 - row)
    if from_above >= 0.5:
        return "░", "red"
    return _block(promoted * HEIGHT - row), "green"


def _block(fill: float) -> str:
    return EIGHTHS[int(np.clip(round(fill * 8), 0, 8))]


def _axis(end: float) -> str:
    line = " " * (MARGIN - 1) + "└" + "─" * WIDTH + "\n"
    marks = [_time(end * part) for part in (0.0, 0.25, 0.5, 0.75)]
    return line + " " * MARGIN + "".join(f"{mark:<{WIDTH // 4}}" for mark in marks) + _time(end)


def _time(seconds: float) -> str:
    if seconds < 120.0:
        return f"{seconds:.0f} s"
    return f"{seconds / 60.0:.0f} min" if seconds < 7200.0 else f"{seconds / 3600.0:.1f} h"
