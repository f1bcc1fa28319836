"""`tidegate simulate`: what the judge would do with a candidate, before it is trusted with one."""

import json
import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from tidegate.api.rollout import LatencyLimit, Rollout
from tidegate.cli.document import Document, read_document
from tidegate.cli.errors import CommandError
from tidegate.cli.report import report
from tidegate.simulation.flagger import simulate_flagger
from tidegate.simulation.results import Results
from tidegate.simulation.rollouts import simulate as simulate_rollouts
from tidegate.simulation.situation import Latency, Policy, Situation

MOST_RUNS = 1_000_000
COMPARED = "flagger"


def _share(given: str | float) -> float:
    """A share, as a number or in percent."""
    text = str(given).strip()
    try:
        value = float(text.removesuffix("%")) / (100.0 if text.endswith("%") else 1.0)
    except ValueError:
        value = -1.0
    if not 0.0 <= value <= 1.0:
        raise typer.BadParameter(f"found {given}; expected a share from 0 to 1, or percent, such as 0.005 or 0.5%")
    return value


File = Annotated[
    Path | None,
    typer.Option("--file", "-f", help="File of a ModelDeployment; its rollout decides steps, analysis and statistics."),
]
Rps = Annotated[float, typer.Option("--rps", help="Requests a second on the route, both revisions together.")]
ErrorRate = Annotated[
    float, typer.Option(parser=_share, metavar="SHARE", help="Bad requests of stable: 0.005 or 0.5%.")
]
CandidateErrorRate = Annotated[
    float | None,
    typer.Option(parser=_share, metavar="SHARE", help="Bad requests of the candidate. (default: as stable)"),
]
LatencyMilliseconds = Annotated[
    float | None, typer.Option("--latency", help="Mean service time of stable in milliseconds; judges latency as well.")
]
CandidateLatency = Annotated[
    float | None, typer.Option(help="Mean service time of the candidate in milliseconds. (default: as stable)")
]
LatencyBound = Annotated[
    float | None, typer.Option(help="Milliseconds over which a request is slow. (default: the file's)")
]
Replicas = Annotated[int | None, typer.Option(help="Pods of stable. (default: the file's, or 2)")]
Interval = Annotated[int | None, typer.Option(help="Seconds of an interval. (default: the file's, or 10)")]
Scrape = Annotated[float, typer.Option(help="Seconds between two scrapes of the gateway's proxies.")]
Bursts = Annotated[float, typer.Option(help="Mean size of the groups in which failures come; 1 for none.")]
Runs = Annotated[int, typer.Option(help="Rollouts to simulate.")]
Seed = Annotated[int, typer.Option(help="The same seed gives the same figures.")]
Json = Annotated[bool, typer.Option("--json", help="Print figures as JSON, nothing else, on standard output.")]
Compare = Annotated[str | None, typer.Option(help="Another rule to compare with: flagger.")]


def simulate(
    rps: Rps,
    error_rate: ErrorRate = 0.0,
    candidate_error_rate: CandidateErrorRate = None,
    file: File = None,
    latency: LatencyMilliseconds = None,
    candidate_latency: CandidateLatency = None,
    latency_bound: LatencyBound = None,
    replicas: Replicas = None,
    interval: Interval = None,
    scrape: Scrape = 5.0,
    bursts: Bursts = 1.0,
    runs: Runs = 2000,
    seed: Seed = 1,
    as_json: Json = False,
    compare: Compare = None,
) -> None:
    """Simulate rollouts of a candidate: how often, how soon and after how much harm they end."""
    _check(runs, seed, compare)
    document = _document(file, interval, latency_bound, latency is not None)
    situation = Situation(
        rps=_over_nought("--rps", rps, "the route's requests a second, such as 40"),
        error_rate=error_rate,
        candidate_error_rate=error_rate if candidate_error_rate is None else candidate_error_rate,
        replicas=int(_over_nought("--replicas", document.replicas if replicas is None else replicas, "such as 2")),
        scrape_seconds=_over_nought("--scrape", scrape, "seconds between scrapes, such as 5"),
        burst=_over_nought("--bursts", bursts, "the mean size of a group of failures, such as 3"),
        latency=_latency(document, latency, candidate_latency, latency_bound),
    )
    results = {"tidegate": _simulated(situation, document, runs, seed)}
    if compare is not None:
        results[COMPARED] = simulate_flagger(situation, runs=runs, seed=seed)
    if as_json:
        _print_json(results, document)
        return
    report(Console(), situation, document, results)


def _simulated(situation: Situation, document: Document, runs: int, seed: int) -> Results:
    policy = Policy(rollout=document.rollout, timeout_seconds=document.timeout_seconds)
    try:
        return simulate_rollouts(situation, policy, runs=runs, seed=seed)
    except ValueError as error:
        raise CommandError(str(error)) from error


def _document(file: Path | None, interval: int | None, bound: float | None, latency: bool) -> Document:
    """What the file says, and before it what the flags say."""
    document = Document(rollout=Rollout()) if file is None else read_document(file)
    analysis, notes = document.rollout.analysis, document.notes
    if interval is not None:
        seconds = int(_over_nought("--interval", interval, "seconds, such as 10"))
        analysis = analysis.model_copy(update={"interval_seconds": seconds})
    if bound is not None:
        milliseconds = math.ceil(_over_nought("--latency-bound", bound, "milliseconds, such as 250"))
        limit = analysis.latency or LatencyLimit(bound_milliseconds=milliseconds)
        limit = limit.model_copy(update={"bound_milliseconds": milliseconds})
        analysis = analysis.model_copy(update={"latency": limit})
    elif analysis.latency is not None and not latency:
        notes = (*notes, "analysis.latency is not simulated: --latency tells how fast the pods are")
    rollout = document.rollout.model_copy(update={"analysis": analysis})
    return replace(document, rollout=rollout, notes=notes)


def _latency(document: Document, stable: float | None, candidate: float | None, bound: float | None) -> Latency | None:
    if stable is None:
        if candidate is not None or bound is not None:
            raise CommandError(
                "found a latency of the candidate or a bound, and none of stable; give --latency as well"
            )
        return None
    limit = document.rollout.analysis.latency
    if limit is None:
        raise CommandError("found --latency without a bound; give --latency-bound, or a file with analysis.latency")
    expected = "milliseconds, such as 40"
    return Latency(
        stable_seconds=_over_nought("--latency", stable, expected) / 1000.0,
        candidate_seconds=_over_nought("--candidate-latency", stable if candidate is None else candidate, expected)
        / 1000.0,
        bound_seconds=limit.bound_milliseconds / 1000.0,
    )


def _over_nought(option: str, value: float, expected: str) -> float:
    if not 0.0 < value < float("inf"):
        raise CommandError(f"found {option} {value}; expected more than 0: {expected}")
    return value


def _check(runs: int, seed: int, compare: str | None) -> None:
    if not 1 <= runs <= MOST_RUNS:
        raise CommandError(f"found --runs {runs}; expected 1 to {MOST_RUNS:,}, such as 2000")
    if seed < 0:
        raise CommandError(f"found --seed {seed}; expected 0 or more, such as 1")
    if compare not in (None, COMPARED):
        raise CommandError(f"found --compare {compare}; the only other rule known is {COMPARED}")


def _print_json(results: dict[str, Results], document: Document) -> None:
    figures: dict[str, Any] = results["tidegate"].summary()
    if COMPARED in results:
        figures[COMPARED] = results[COMPARED].summary()
    for note in document.notes:
        print(f"note: {note}", file=sys.stderr)
    print(json.dumps(figures, indent=2))
