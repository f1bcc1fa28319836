"""When a stage of the demo has ended, and what it cost."""

import dataclasses
from datetime import UTC, datetime
from typing import Any

import pytest

from lab.demo.run import STAGES
from lab.demo.stages import (
    Outcome,
    StageResult,
    failed_beyond_stable,
    last_word,
    measure,
    outcome_of,
    problems,
)
from lab.load import Failure, Record, summarize
from tidegate.api.status import ModelDeploymentStatus

OLD, NEW = "filetype-old", "filetype-new"
GOOD, BAD = STAGES[1], STAGES[2]
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def status(weights: tuple[int, int] = (1_000_000, 0), **fields: Any) -> ModelDeploymentStatus:
    slots = {
        "a": {"revision": OLD, "weight": weights[0]},
        "b": {"revision": NEW, "weight": weights[1]},
    }
    return ModelDeploymentStatus.model_validate({"stable": OLD, "slots": slots, **fields})


READY: dict[str, Any] = {
    "conditions": [{"type": "Ready", "status": "True", "reason": "Promoted", "last_transition_time": NOW}]
}
REJECTED: dict[str, Any] = {"rejected": [{"revision": NEW, "at": NOW, "reason": "Harm"}]}


@pytest.mark.parametrize(
    ("found", "outcome"),
    [
        (status(), None),
        (status((500_000, 500_000), candidate=NEW), None),
        (status((0, 1_000_000), stable=NEW, **READY), Outcome.PROMOTED),
        (status((0, 1_000_000), stable=NEW), None),
        (status((1, 999_999), stable=NEW, **READY), None),
        (status((0, 1_000_000), candidate=NEW, **READY), None),
        (status(**REJECTED), Outcome.ROLLED_BACK),
        (status((999_999, 1), **REJECTED), None),
        (status(rejected=[{"revision": "filetype-other", "at": NOW, "reason": "Harm"}]), None),
    ],
)
def test_a_stage_has_ended_when_traffic_is_where_it_belongs(
    found: ModelDeploymentStatus, outcome: Outcome | None
) -> None:
    assert outcome_of(found, NEW, Outcome.PROMOTED) is outcome


def test_the_first_revision_serves_as_soon_as_it_is_stable() -> None:
    found = status((1_000_000, 0), stable=OLD, **READY)
    assert outcome_of(found, OLD, Outcome.SERVING) is Outcome.SERVING


def test_a_bad_model_that_was_promoted_is_told_as_promoted() -> None:
    found = status((0, 1_000_000), stable=NEW, **READY)
    assert outcome_of(found, NEW, Outcome.ROLLED_BACK) is Outcome.PROMOTED


def test_the_last_word_is_the_last_decision_about_the_revision() -> None:
    decision = {"at": NOW, "weight": 1, "verdict": "Hold", "reason": "R"}
    found = status(
        decisions=[
            {**decision, "revision": NEW, "message": "first"},
            {**decision, "revision": NEW, "message": "second"},
            {**decision, "revision": OLD, "message": "other"},
        ]
    )
    assert last_word(found, NEW) == "second"


def test_without_a_decision_the_ready_condition_has_the_last_word() -> None:
    condition = {"status": "False", "reason": "R", "last_transition_time": NOW}
    found = status(
        conditions=[
            {**condition, "type": "Ready", "message": "pulling"},
            {**condition, "type": "Stalled", "message": "no"},
        ]
    )
    assert last_word(found, NEW) == "pulling"
    assert last_word(status(), NEW) == ""


def records(revision: str, good: int, bad: int, *, at: float = 100.0) -> list[Record]:
    answered = [Record(at + number, 0.01, 200, revision, None) for number in range(good)]
    return answered + [Record(at + number, 0.01, 500, revision, Failure.SERVER_ERROR) for number in range(bad)]


def lost(count: int) -> list[Record]:
    return [Record(100.0, 1.0, None, "", Failure.CONNECTION)] * count


def test_a_models_own_failures_are_not_lost_to_the_transition() -> None:
    seen = [*records(OLD, 99, 0), *records(NEW, 7, 3), *lost(2)]
    result = measure(BAD, NEW, Outcome.ROLLED_BACK, message="", seconds=9, records=seen)
    assert (result.requests, result.failed, result.lost) == (111, 5, 2)
    assert result.seconds_in_traffic == 6


def test_in_a_healthy_transition_every_failed_request_is_lost() -> None:
    seen = [*records(OLD, 99, 0), *records(NEW, 7, 3)]
    assert measure(GOOD, NEW, Outcome.PROMOTED, message="", seconds=9, records=seen).lost == 3


def test_a_healthy_model_that_is_taken_back_has_no_failures_of_its_own() -> None:
    stage = dataclasses.replace(BAD, healthy=True)
    seen = [*records(OLD, 99, 0), *records(NEW, 7, 3)]
    assert measure(stage, NEW, Outcome.ROLLED_BACK, message="", seconds=9, records=seen).lost == 3


def test_failures_at_stables_own_rate_are_not_the_candidates_fault() -> None:
    summary = summarize([*records(OLD, 90, 10), *records(NEW, 40, 10)])
    assert failed_beyond_stable(summary, NEW) == pytest.approx(5)
    assert failed_beyond_stable(summary, "filetype-absent") == 0


def test_a_revision_that_answered_everything_alone_has_all_its_failures() -> None:
    assert failed_beyond_stable(summarize(records(NEW, 5, 2)), NEW) == 2


def result(stage: int, outcome: Outcome | None = None, **fields: Any) -> StageResult:
    expected = STAGES[stage].expected
    return StageResult(STAGES[stage].title, NEW, expected, outcome or expected, "the reason", 10.0, **fields)


def test_a_good_demo_has_no_problems() -> None:
    assert problems(STAGES, [result(0), result(1), result(2)]) == []


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        (
            [result(0), result(1, Outcome.ROLLED_BACK), result(2)],
            "better: 3.3: expected it to be promoted, found it rolled back; the reason",
        ),
        (
            [result(0), result(1), result(2, Outcome.PROMOTED)],
            "broken: fails 30 %: expected it to be rolled back, found it promoted; the reason",
        ),
        (
            [result(0), result(1, lost=2, requests=900), result(2)],
            "better: 3.3: 2 of 900 requests were lost to the transition; expected none",
        ),
        ([result(0), result(1)], "broken: fails 30 %: never begun"),
    ],
)
def test_what_should_not_have_happened_is_a_problem(results: list[StageResult], expected: str) -> None:
    assert problems(STAGES, results) == [expected]
