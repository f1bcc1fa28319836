"""What bad candidates cost on the lab, as a page of the documentation."""

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    """How one run of a case ended.

    Parameters
    ----------
    outcome
        ``promoted``, ``taken back``, or the reason it was held for at the end.
    seconds
        From the candidate's first request to its last one, or to the promotion.
    requests, failed
        Of the candidate, until it was promoted.
    beyond
        Failed requests of the candidate beyond what stable would have failed.
    waiting
        Clients that gave up.
    """

    case: str
    outcome: str
    seconds: float
    requests: int
    failed: int
    beyond: float
    waiting: int


@dataclass(frozen=True)
class Target:
    """What the median over the runs of a case is to be at most."""

    case: str
    what: str
    figure: Callable[[Result], float]
    most: float


TARGETS = (
    Target("30 % errors", "seconds in traffic", lambda run: run.seconds, 25.0),
    Target("30 % errors", "failed requests", lambda run: run.failed, 10.0),
    Target("2.5 % errors", "failed requests beyond stable's rate", lambda run: run.beyond, 15.0),
    Target("hanging, 30 %", "clients kept waiting", lambda run: run.waiting, 20.0),
    Target("healthy", "seconds to the promotion on proof", lambda run: run.seconds, 180.0),
)
COLUMNS: tuple[tuple[str, Callable[[Result], float]], ...] = (
    ("seconds", lambda run: run.seconds),
    ("requests", lambda run: run.requests),
    ("failed", lambda run: run.failed),
    ("beyond stable's rate", lambda run: run.beyond),
    ("gave up", lambda run: run.waiting),
)
HEAD = """# What a bad candidate costs, counted at the client

Made by `python -m bench.harm --docs` on the [lab](lab.md): one machine with two cores, Envoy Gateway, Prometheus that
scrapes the proxies every 5 s, one pod each of stable and candidate. Requests come at random (Poisson) at 40 a second;
clients give up after a second. Stable fails 0.5 % of them (0.9 % in the last case). The plan and the statistics are the
defaults, intervals last 10 s. Each figure is the median, with every run in parentheses: a run takes minutes, and the
spread between runs is that of chance. Seconds count from the candidate's first request to its last one, or to the
promotion. [bench-judge.md](bench-judge.md) has thousands of such rollouts, simulated.
"""


def by_case(runs: Sequence[Result]) -> Iterator[tuple[str, str, list[Result]]]:
    """Each case with its outcomes, counted, and its runs."""
    for case in dict.fromkeys(run.case for run in runs):
        mine = [run for run in runs if run.case == case]
        outcomes = [run.outcome for run in mine]
        yield case, ", ".join(f"{outcomes.count(outcome)} {outcome}" for outcome in dict.fromkeys(outcomes)), mine


def page(runs: Sequence[Result]) -> str:
    """Markdown with a row per case, and whether each target was kept."""
    lines = [HEAD, f"| case | outcome | {' | '.join(name for name, _ in COLUMNS)} |", "|---" * (len(COLUMNS) + 2) + "|"]
    for case, told, mine in by_case(runs):
        lines.append(f"| {case} | {told} | {' | '.join(_figure(mine, figure) for _, figure in COLUMNS)} |")
    found = [_kept([run for run in runs if run.case == target.case], target) for target in TARGETS]
    return "\n".join([*lines, "", *filter(None, found)]) + "\n"


def _figure(runs: Sequence[Result], figure: Callable[[Result], float]) -> str:
    values = [round(figure(run)) for run in runs]
    return f"{statistics.median(values):,.0f} ({', '.join(f'{value:,}' for value in values)})"


def _kept(runs: Sequence[Result], target: Target) -> str:
    if not runs:
        return ""
    median = statistics.median(target.figure(run) for run in runs)
    kept = "kept" if median <= target.most else "**not kept**"
    return f"- {kept}: {target.case}, {target.what}: {median:,.0f}, at most {target.most:,.0f}"
