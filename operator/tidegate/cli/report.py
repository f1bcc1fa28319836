"""What `tidegate simulate` tells people."""

import numpy as np
from rich.console import Console
from rich.table import Table

from tidegate.cli.chart import outcome_chart, weight_chart
from tidegate.cli.document import Document
from tidegate.judge.text import duration, percent
from tidegate.simulation.results import Outcome, Results, wilson
from tidegate.simulation.situation import Situation

SHOWN_IN_SECONDS = 600.0
ROWS = (
    ("promoted", Outcome.Promoted),
    ("rolled back", Outcome.RolledBack),
    ("without a verdict", Outcome.Inconclusive),
)


def report(console: Console, situation: Situation, document: Document, results: dict[str, Results]) -> None:
    """Print figures, charts and what was left out."""
    own = results["tidegate"]
    console.print(_title(situation, own.runs), style="bold", highlight=False, soft_wrap=True)
    for note in document.notes:
        console.print(f"note: {note}", style="yellow", highlight=False, soft_wrap=True)
    console.print(_figures(results, document))
    console.print()
    end = float(np.quantile(own.seconds, 0.99))
    for chart in (weight_chart(own, end), outcome_chart(own, end)):
        console.print(chart, no_wrap=True, crop=False, overflow="ignore")
        console.print()
    console.print(
        "Time runs from the candidate's first request; loading is left out, and so is harm after a promotion.",
        style="dim",
        soft_wrap=True,
    )


def _title(situation: Situation, runs: int) -> str:
    told = f"{runs:,} rollouts at {situation.rps:g} requests/s; bad requests: stable {percent(situation.error_rate)}, "
    told += f"candidate {percent(situation.candidate_error_rate)}"
    latency = situation.latency
    if latency is None:
        return told
    return (
        f"{told}; service time: stable {1000 * latency.stable_seconds:g} ms, candidate "
        f"{1000 * latency.candidate_seconds:g} ms, slow over {1000 * latency.bound_seconds:g} ms"
    )


def _figures(results: dict[str, Results], document: Document) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column("", no_wrap=True)
    for name in results:
        table.add_column(name, justify="right", no_wrap=True)
    for label, outcome in ROWS:
        then = f" ({document.rollout.analysis.on_inconclusive})" if outcome is Outcome.Inconclusive else ""
        table.add_row(label + then, *(_rate(found, outcome) for found in results.values()))
    table.add_row("median time to the verdict", *(_median(found) for found in results.values()))
    table.add_row("bad requests beyond stable's", *(f"{found.excess.mean():,.1f}" for found in results.values()))
    table.add_row("  in 95 of 100 at most", *(f"{np.quantile(found.excess, 0.95):,.1f}" for found in results.values()))
    table.add_row("requests to the candidate", *(f"{found.requests.mean():,.0f}" for found in results.values()))
    return table


def _rate(results: Results, outcome: Outcome) -> str:
    low, high = wilson(results.count(outcome), results.runs)
    return f"{100 * results.rate(outcome):.4g} % ({100 * low:.3g} to {100 * high:.3g})"


def _median(results: Results) -> str:
    median = results.median_seconds
    if median is None:
        return "none"
    return f"{median:,.0f} s" if median < SHOWN_IN_SECONDS else duration(median)
