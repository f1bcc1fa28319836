"""The user's own PromQL: what one decoded answer of an instant query says."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

STALE_SECONDS = 300.0


class Outcome(StrEnum):
    """What one evaluation of a query says."""

    Pass = "Pass"
    Fail = "Fail"
    NoData = "NoData"
    Error = "Error"


@dataclass(frozen=True, slots=True)
class UserQuery:
    """A query with its bounds.

    Parameters
    ----------
    name
        Unique within the rollout.
    minimum, maximum
        Inclusive bounds as decimal numbers in text; at least one.
    failures
        Consecutive failures that roll back, at least 1.

    Raises
    ------
    ValueError
        If a bound is no finite number, there is none, or `failures` is under 1.
    """

    name: str
    minimum: str | None = None
    maximum: str | None = None
    failures: int = 3

    def __post_init__(self) -> None:
        if self.minimum is None and self.maximum is None:
            raise ValueError(f"query {self.name}: found no bound; expected min, max or both")
        if self.failures < 1:
            raise ValueError(f"query {self.name}: found failures={self.failures}; expected at least 1")
        for bound in (self.minimum, self.maximum):
            number = Decimal(0) if bound is None else _number(bound)
            if number is None or not number.is_finite():
                raise ValueError(f"query {self.name}: found bound {bound!r}; expected a decimal number")


@dataclass(frozen=True, slots=True)
class QueryResult:
    """Outcome of one evaluation, with the numbers for people."""

    query: UserQuery
    outcome: Outcome
    message: str


def read_answer(query: UserQuery, answer: object, evaluation: float | None = None) -> QueryResult:
    """Judge the decoded JSON of an instant query.

    Parameters
    ----------
    answer
        The whole body: `{"status": ..., "data": {"resultType": ..., "result": ...}}`.
    evaluation
        Time asked for, on the source's clock; a sample more than five minutes from it is no data. None: not checked.
    """
    try:
        sample = _sample(answer)
    except _BadAnswerError as error:
        return QueryResult(query, Outcome.Error, str(error))
    if sample is None:
        return QueryResult(query, Outcome.NoData, "the query returned nothing")
    moment, value = sample
    if evaluation is not None and abs(moment - evaluation) > STALE_SECONDS:
        message = f"the sample is {abs(moment - evaluation):.0f} s off the time asked for"
        return QueryResult(query, Outcome.NoData, message)
    return _compare(query, value)


def consecutive_failures(before: int, outcome: Outcome) -> int:
    """Failures in a row after one more outcome; no data and errors neither count nor forgive."""
    if outcome is Outcome.Fail:
        return before + 1
    return 0 if outcome is Outcome.Pass else before


class _BadAnswerError(Exception):
    """The answer is not one number."""


def _sample(answer: object) -> tuple[float, Decimal] | None:
    data = _data(answer)
    kind, result = data.get("resultType"), data.get("result")
    if kind == "scalar":
        return _timed_value(result)
    if kind != "vector" or not isinstance(result, list):
        raise _BadAnswerError(f"found a result of type {kind!r}; expected a scalar or a vector of one element")
    if not result:
        return None
    if len(result) > 1:
        raise _BadAnswerError(f"found {len(result)} series; expected one, so aggregate them (sum, avg, max ...)")
    element = result[0]
    return _timed_value(element.get("value") if isinstance(element, dict) else None)


def _data(answer: object) -> Mapping[str, Any]:
    if not isinstance(answer, Mapping):
        raise _BadAnswerError(f"found {type(answer).__name__}; expected the JSON object of an instant query")
    if answer.get("status") != "success":
        raise _BadAnswerError(f"{answer.get('errorType', 'unknown error')}: {answer.get('error', 'no success')}")
    data = answer.get("data")
    if not isinstance(data, Mapping):
        raise _BadAnswerError("found an answer without data; expected the JSON object of an instant query")
    return data


def _timed_value(pair: object) -> tuple[float, Decimal]:
    match pair:
        case [int() | float() as moment, str() as text]:
            if (value := _number(text)) is not None:
                return float(moment), value
    raise _BadAnswerError("found a result without [time, value]; expected one plain number")


def _compare(query: UserQuery, value: Decimal) -> QueryResult:
    if not value.is_finite():
        return QueryResult(query, Outcome.NoData, f"the query returned {value}, which cannot be compared")
    if query.minimum is not None and value < Decimal(query.minimum):
        return QueryResult(query, Outcome.Fail, f"{value} is under min {query.minimum}")
    if query.maximum is not None and value > Decimal(query.maximum):
        return QueryResult(query, Outcome.Fail, f"{value} is over max {query.maximum}")
    return QueryResult(query, Outcome.Pass, f"{value} is within bounds")


def _number(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:
        return None
