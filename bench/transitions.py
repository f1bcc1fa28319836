"""What transitions cost, counted at the client on the full lab: ``python -m bench.transitions``.

First promotions of a healthy model, rollbacks of a failing one and rollbacks of a healthy one by a user query, at 50
requests per second: how many requests were lost. Then a model that fails 30 % from its first request, at 40 requests
per second: how long it stayed in traffic, and how many requests that cost.
"""

import argparse
import asyncio
import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from lab.demo.player import Player
from lab.demo.prepare import Prepared, prepare
from lab.demo.stages import Outcome, Stage, StageResult, problems
from lab.demo.view import View
from lab.deploy import ModelImage
from lab.instance import Instance
from lab.load import Load
from lab.models import echo_request
from lab.progress import Reporter

REPORT = Path(__file__).parent.parent / "build" / "transitions.json"
NAME = "echo"
CYCLES = 3
DETECTIONS = 3
LOSS_RATE = 50.0
DETECTION_RATE = 40.0
ERROR_SHARE = "0.3"
FAILING_QUERY = {"name": "always-too-high", "query": "vector(1)", "max": "0", "failures": 2}

PROMOTED = "healthy, promoted"
TAKEN_BACK = "failing 30 %, taken back"
QUERY = "healthy, taken back by a query"


def echo(tag: str, **parameters: str) -> ModelImage:
    """Return an echo model of its own image, and so of its own revision."""
    return ModelImage("echo", tag, {"image": tag, **parameters})


FIRST = Stage("first", echo("first"), Outcome.SERVING)


def loss_stages(cycles: int) -> list[Stage]:
    """Return so many times a promotion and both kinds of rollback, after a first revision."""
    stages = [FIRST]
    for number in range(cycles):
        failing = echo(f"failing{number}", error_share=ERROR_SHARE)
        stages += [
            Stage(PROMOTED, echo(f"good{number}"), Outcome.PROMOTED),
            Stage(TAKEN_BACK, failing, Outcome.ROLLED_BACK, healthy=False),
            Stage(QUERY, echo(f"queried{number}"), Outcome.ROLLED_BACK, queries=(FAILING_QUERY,)),
        ]
    return stages


def detection_stages(runs: int) -> list[Stage]:
    """Return so many models that fail from their first request, after a first revision."""
    failing = [echo(f"late{number}", error_share=ERROR_SHARE) for number in range(runs)]
    return [FIRST, *(Stage(TAKEN_BACK, image, Outcome.ROLLED_BACK, healthy=False) for image in failing)]


def play(stages: Sequence[Stage], rate: float, console: Console) -> list[StageResult]:
    """Play stages on the full lab, in a namespace of their own."""
    prepared = prepare(Instance("full", "full"), NAME, stages, Reporter())
    try:
        with View(console) as view:
            return asyncio.run(Player(prepared.trial_object, load_on(prepared, rate), view).play(stages))
    finally:
        prepared.trial_object.remove_namespaces()


def load_on(prepared: Prepared, rate: float) -> Load:
    """Return keep-alive load on the trial's model."""
    headers, body = echo_request([1, 2, 3])
    return Load(prepared.url, host=prepared.trial_object.host, body=body, headers=headers, rate=rate, concurrency=500)


def loss_table(results: Sequence[StageResult]) -> Table:
    """Return what was lost, by kind of transition."""
    table = Table("transition", "runs", "requests", "failed", "lost", title=f"Lost requests at {LOSS_RATE:.0f}/s")
    kinds = {title: [result for result in results if result.title == title] for title in (PROMOTED, TAKEN_BACK, QUERY)}
    for title, runs in {**kinds, "all": [run for kind in kinds.values() for run in kind]}.items():
        counts = (sum(run.requests for run in runs), sum(run.failed for run in runs), sum(run.lost for run in runs))
        table.add_row(title, str(len(runs)), *(f"{count:,}" for count in counts))
    return table


def detection_table(results: Sequence[StageResult]) -> Table:
    """Return how long each failing model stayed in traffic and what it cost."""
    title = f"30 % errors from the first request at {DETECTION_RATE:.0f}/s"
    table = Table("run", "seconds in traffic", "failed", "outcome", title=title)
    for number, result in enumerate(results[1:], start=1):
        table.add_row(str(number), f"{result.seconds_in_traffic:.0f}", str(result.failed), result.outcome)
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    """Run both measurements; return 1 if a stage did not end as it should or a request was lost."""
    parser = argparse.ArgumentParser("python -m bench.transitions", description="What transitions cost at the client")
    parser.add_argument("--cycles", type=int, default=CYCLES, help=f"of three transitions each (default {CYCLES})")
    parser.add_argument("--detections", type=int, default=DETECTIONS, help=f"failing models (default {DETECTIONS})")
    options = parser.parse_args(arguments)
    console = Console(highlight=False)
    losses, detections = loss_stages(options.cycles), detection_stages(options.detections)
    lost = play(losses, LOSS_RATE, console)
    detected = play(detections, DETECTION_RATE, console)
    console.print(loss_table(lost))
    console.print(detection_table(detected))
    found = [*problems(losses, lost), *problems(detections, detected)]
    for problem in found:
        console.print(f"problem  {problem}", markup=False, soft_wrap=True)
    document = {
        "losses": [dataclasses.asdict(result) for result in lost],
        "detections": [dataclasses.asdict(result) for result in detected],
        "problems": found,
    }
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(document, indent=2) + "\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
