"""The stages of a trial, how each one ends, and what it cost at the client."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from lab.demo.resource import Query
from lab.deploy import ModelImage
from lab.load import Record, Summary, summarize
from tidegate.api.status import ModelDeploymentStatus


class Outcome(StrEnum):
    """How a stage ended."""

    SERVING = "serving"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled back"
    TIMED_OUT = "timed out"


@dataclass(frozen=True)
class Stage:
    """One release that is applied, and what should come of it.

    `queries` are user queries it is judged by beside its errors. The failures of one that is not `healthy` are its own;
    all others are lost to the transition.
    """

    title: str
    image: ModelImage
    expected: Outcome
    healthy: bool = True
    queries: tuple[Query, ...] = ()


@dataclass(frozen=True)
class StageResult:
    """What became of a stage.

    `requests` and `failed` are the client's, from the change of the spec until traffic had settled;
    `failed_beyond_stable` is how many more the new revision failed than stable would have at its own rate;
    `lost` failed without the new revision having answered: lost to the transition, not failed by the model;
    `seconds_in_traffic` runs from the first to the last request the new revision answered.
    """

    title: str
    revision: str
    expected: Outcome
    outcome: Outcome
    message: str
    seconds: float
    requests: int = 0
    failed: int = 0
    failed_beyond_stable: float = 0.0
    lost: int = 0
    seconds_in_traffic: float = 0.0


def weight_of(status: ModelDeploymentStatus, revision: str) -> int:
    """Return the share of traffic of a revision, in parts per million."""
    return sum(slot.weight for slot in (status.slots.a, status.slots.b) if slot.revision == revision)


def outcome_of(status: ModelDeploymentStatus, revision: str, expected: Outcome) -> Outcome | None:
    """Return how the stage of `revision` ended, None while it has not: only once traffic is where it belongs."""
    weight = weight_of(status, revision)
    ready = any(condition.type == "Ready" and condition.status == "True" for condition in status.conditions)
    if ready and status.stable == revision and weight == status.slots.a.weight + status.slots.b.weight > 0:
        return Outcome.SERVING if expected is Outcome.SERVING else Outcome.PROMOTED
    if not weight and any(rejection.revision == revision for rejection in status.rejected):
        return Outcome.ROLLED_BACK
    return None


def last_word(status: ModelDeploymentStatus, revision: str) -> str:
    """Return the last decision's message about `revision`, else what the Ready condition says."""
    decisions = [decision.message for decision in status.decisions if decision.revision == revision]
    ready = [condition.message for condition in status.conditions if condition.type == "Ready"]
    return (decisions or ready or [""])[-1]


def measure(
    stage: Stage, revision: str, outcome: Outcome, *, message: str, seconds: float, records: Sequence[Record]
) -> StageResult:
    """Count a stage's requests; `records` are those planned from its beginning until traffic had settled."""
    summary = summarize(records)
    times = [record.start for record in records if record.revision == revision]
    return StageResult(
        title=stage.title,
        revision=revision,
        expected=stage.expected,
        outcome=outcome,
        message=message,
        seconds=seconds,
        requests=summary.requests,
        failed=summary.failed,
        failed_beyond_stable=failed_beyond_stable(summary, revision),
        lost=summary.failed if stage.healthy else summary.failed - summary.failed_by(revision),
        seconds_in_traffic=max(times) - min(times) if times else 0.0,
    )


def failed_beyond_stable(summary: Summary, revision: str) -> float:
    """Return the failed requests of `revision` above what the others' failure rate explains."""
    own = summary.revisions.get(revision)
    if own is None:
        return 0.0
    others = summary.requests - own.requests
    rate = (summary.failed - own.failed) / others if others else 0.0
    return own.failed - rate * own.requests


def problems(stages: Sequence[Stage], results: Sequence[StageResult]) -> list[str]:
    """Return a sentence for everything that should not have happened; empty for a good trial."""
    found = [
        f"{result.title}: expected it to be {result.expected}, found it {result.outcome}; {result.message}"
        for result in results
        if result.outcome is not result.expected
    ]
    found += [
        f"{result.title}: {result.lost} of {result.requests} requests were lost to the transition; expected none"
        for result in results
        if result.lost
    ]
    return found + [f"{stage.title}: never begun" for stage in stages[len(results) :]]
