"""User queries: a table of everything a metrics source may answer."""

from typing import Any

import pytest

from tidegate.judge.queries import Outcome, UserQuery, consecutive_failures, read_answer

ACCURACY = UserQuery("accuracy", minimum="0.92", maximum="1")


def vector(*values: str, at: float = 1000.0) -> dict[str, Any]:
    result = [{"metric": {"series": str(index)}, "value": [at, value]} for index, value in enumerate(values)]
    return {"status": "success", "data": {"resultType": "vector", "result": result}}


def scalar(value: str) -> dict[str, Any]:
    return {"status": "success", "data": {"resultType": "scalar", "result": [1000, value]}}


HISTOGRAM = {
    "status": "success",
    "data": {"resultType": "vector", "result": [{"metric": {}, "histogram": [1000.0, {"count": "3"}]}]},
}


@pytest.mark.parametrize(
    ("answer", "outcome", "words"),
    [
        (vector("0.95"), Outcome.Pass, "0.95"),
        (vector("0.92"), Outcome.Pass, "within bounds"),
        (scalar("1"), Outcome.Pass, "within bounds"),
        (vector("0.9199999999999999"), Outcome.Fail, "under min 0.92"),
        (vector("1.5"), Outcome.Fail, "over max 1"),
        (scalar("-3e2"), Outcome.Fail, "under min 0.92"),
        (vector(), Outcome.NoData, "nothing"),
        (vector("NaN"), Outcome.NoData, "NaN"),
        (scalar("+Inf"), Outcome.NoData, "Infinity"),
        (vector("-Inf"), Outcome.NoData, "Infinity"),
        (vector("0.95", at=650.0), Outcome.NoData, "350 s off"),
        (vector("0.95", at=1350.0), Outcome.NoData, "350 s off"),
        (vector("0.95", "0.96"), Outcome.Error, "found 2 series"),
        (vector("much"), Outcome.Error, "expected one plain number"),
        (HISTOGRAM, Outcome.Error, "expected one plain number"),
        ({"status": "success", "data": {"resultType": "matrix", "result": []}}, Outcome.Error, "'matrix'"),
        ({"status": "success", "data": {"resultType": "string", "result": [1000, "x"]}}, Outcome.Error, "'string'"),
        ({"status": "success"}, Outcome.Error, "without data"),
        ({"status": "error", "errorType": "bad_data", "error": "parse error"}, Outcome.Error, "bad_data: parse error"),
        ("<html>", Outcome.Error, "found str"),
        (None, Outcome.Error, "found NoneType"),
    ],
)
def test_s20_every_answer_has_its_outcome(answer: object, outcome: Outcome, words: str) -> None:
    result = read_answer(ACCURACY, answer, evaluation=1000.0)
    assert result.outcome is outcome
    assert words in result.message


def test_age_is_checked_only_against_a_time_asked_for() -> None:
    assert read_answer(ACCURACY, vector("0.95", at=1.0)).outcome is Outcome.Pass


@pytest.mark.parametrize(
    ("outcomes", "failures"),
    [
        (["Fail", "Fail", "Fail"], 3),
        (["Fail", "Pass", "Fail"], 1),
        (["Fail", "NoData", "Fail"], 2),
        (["Fail", "Error", "NoData"], 1),
        (["Fail", "NoData", "Pass"], 0),
    ],
)
def test_no_data_neither_counts_nor_forgives(outcomes: list[str], failures: int) -> None:
    count = 0
    for outcome in outcomes:
        count = consecutive_failures(count, Outcome(outcome))
    assert count == failures


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        ({}, "found no bound"),
        ({"minimum": "high"}, "found bound 'high'"),
        ({"maximum": "Infinity"}, "found bound 'Infinity'"),
        ({"minimum": "1", "failures": 0}, "failures=0"),
    ],
)
def test_a_query_that_cannot_be_judged_is_refused(bounds: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        UserQuery("accuracy", **bounds)
