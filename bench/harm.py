"""What a bad candidate costs on the full lab, counted at the client: ``python -m bench.harm``.

Poisson arrivals at 40 requests per second, an interval of 10 s, Prometheus scraping every 5 s, the default plan. Every
case runs in a namespace of its own; a few of them run side by side, each with its own load.
"""

import argparse
import dataclasses
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.harm_page import COLUMNS, Result, by_case, page
from lab.load import Failure, Record
from lab.progress import Reporter
from lab.trial import Cluster, Models, Served, prepare_cluster

REPORT = Path(__file__).parent.parent / "build" / "harm.json"
PAGE = Path(__file__).parent.parent / "docs" / "bench-harm.md"
RATE = 40.0
RUNS = 3
SIDE_BY_SIDE = 3
"""Each takes two of the lab's eight GPUs, and for a while those of its namespace before."""
PATIENCE_SECONDS = 1.0
"""Clients of every case give up after so long."""
BOUND_MILLISECONDS = 250
SLOW_MILLISECONDS = "400"


@dataclass(frozen=True)
class Case:
    """One candidate beside one stable.

    Parameters
    ----------
    base, candidate
        Parameters of the echo model (see lab/model_files/echo.py); errors of a share are drawn at random.
    watched_seconds
        When the case is over though the rollout is not.
    """

    name: str
    base: Mapping[str, str]
    candidate: Mapping[str, str]
    watched_seconds: float = 400
    analysis: Mapping[str, Any] = field(default_factory=dict)


def failing(share: str) -> dict[str, str]:
    """Parameters of a model that fails such a share of its requests at random."""
    return {"error_share": share, "error_spread": "random"}


BASE = failing("0.005")
CASES = (
    Case("30 % errors", BASE, failing("0.3")),
    Case("2.5 % errors", BASE, failing("0.025"), watched_seconds=900),
    Case("hanging, 30 %", BASE, {**BASE, "hang_share": "0.3"}),
    Case(
        "slow",
        BASE,
        {**BASE, "delay_milliseconds": SLOW_MILLISECONDS},
        analysis={"latency": {"boundMilliseconds": BOUND_MILLISECONDS, "maxSharePercent": "1"}},
    ),
    Case("healthy", BASE, BASE),
    Case("healthy at 0.9 %", failing("0.009"), failing("0.009"), watched_seconds=900),
)


def run_case(cluster: Cluster, case: Case, models: tuple[str, str]) -> Result:
    """Roll the candidate out beside stable under load, and see what that cost."""
    with Served.in_new_namespace(cluster) as served:
        base, candidate_model = models
        served.apply_document(document(served, base, case))
        served.wait_ready()
        with served.requests(rate=RATE, timeout_seconds=PATIENCE_SECONDS) as requests:
            served.apply_document(document(served, candidate_model, case))
            candidate = served.wait_candidate(within=60)
            outcome = wait_outcome(served, candidate, case.watched_seconds)
            ended = time.time()
        return summed_up(case, outcome, candidate, requests.records, ended)


def document(served: Served, model: str, case: Case) -> dict[str, Any]:
    """The ModelDeployment with the plan and the statistics a user gets who sets none."""
    found = served.document(model)
    analysis = {"intervalSeconds": 10, **case.analysis}
    found["spec"]["rollout"] = {"loadSeconds": 120, "keepPreviousSeconds": 5, "analysis": analysis}
    return found


def wait_outcome(served: Served, candidate: str, seconds: float) -> str:
    """Wait until the candidate is promoted or taken back; else return what it is held for."""
    try:
        served.wait(lambda served: served.status.candidate != candidate, "an end", within=seconds)
    except AssertionError:
        rollout = served.status.rollout
        return f"held {rollout.hold.reason}" if rollout is not None and rollout.hold else "under way"
    return "promoted" if served.status.stable == candidate else "taken back"


def summed_up(case: Case, outcome: str, candidate: str, records: Sequence[Record], ended: float) -> Result:
    """Count the requests of the candidate until it was promoted, or gone."""
    its = [record for record in records if record.revision == candidate and record.start <= ended]
    waiting = sum(record.failure is Failure.TIMEOUT for record in records if record.start <= ended)
    failed = sum(record.failure is not None for record in its)
    last = ended if outcome == "promoted" else max((record.start for record in its), default=ended)
    return Result(
        case=case.name,
        outcome=outcome,
        seconds=last - min((record.start for record in its), default=last),
        requests=len(its),
        failed=failed,
        beyond=failed - len(its) * float(case.base["error_share"]),
        waiting=waiting,
    )


def models_of(cases: Sequence[Case]) -> tuple[Models, dict[str, tuple[str, str]]]:
    """The models of the cases, and the two of each case by its name: stable's and the candidate's."""
    names = {case.name: (f"echo-harm{number}base", f"echo-harm{number}candidate") for number, case in enumerate(cases)}
    models: dict[str, tuple[str, Mapping[str, str]]] = {}
    for case in cases:
        base, candidate = names[case.name]
        models |= {base: ("echo", case.base), candidate: ("echo", case.candidate)}
    return models, names


def table_of(results: Sequence[Result]) -> Table:
    """Every case with the outcomes and the medians of its runs."""
    title = f"{RATE:.0f} requests/s, medians over runs"
    table = Table("case", "outcomes", *(name for name, _ in COLUMNS), title=title)
    for case, told, runs in by_case(results):
        table.add_row(case, told, *(f"{statistics.median(map(figure, runs)):.0f}" for _, figure in COLUMNS))
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the cases, print a table and write build/harm.json."""
    parser = argparse.ArgumentParser("python -m bench.harm", description="What a bad candidate costs at the client")
    titles = [case.name for case in CASES]
    parser.add_argument("--case", action="append", choices=titles, help="only this one (may be given often)")
    parser.add_argument("--docs", action="store_true", help="write the figures into docs/, too")
    parser.add_argument("--runs", type=int, default=RUNS, help=f"of each case (default {RUNS})")
    options = parser.parse_args(arguments)
    cases = [case for case in CASES if case.name in (options.case or titles)]
    console, reporter = Console(highlight=False), Reporter()
    models, names = models_of(cases)
    with tempfile.TemporaryDirectory() as scratch:
        cluster = prepare_cluster(Path(scratch), reporter, models)
    order = [case for _ in range(options.runs) for case in cases]
    with ThreadPoolExecutor(max_workers=SIDE_BY_SIDE) as pool:
        results = []
        for result in pool.map(lambda case: run_case(cluster, case, names[case.name]), order):
            reporter.line(str(result))
            results.append(result)
    console.print(table_of(results))
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps([dataclasses.asdict(result) for result in results], indent=2) + "\n")
    if options.docs:
        PAGE.write_text(page(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
