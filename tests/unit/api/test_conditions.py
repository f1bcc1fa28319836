"""Conditions keep their place, and their time until their status changes."""

from datetime import UTC, datetime, timedelta

from tidegate.api.conditions import set_condition
from tidegate.api.status_types import Condition

NOW = datetime(2026, 11, 23, 20, 0, 0, 900_000, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)


def start() -> list[Condition]:
    conditions = set_condition([], "Ready", "False", "Loading", "loading", 1, NOW)
    return set_condition(conditions, "Stalled", "False", "Settled", "", 1, NOW)


def test_a_new_condition_comes_last_with_whole_seconds() -> None:
    conditions = start()
    assert [condition.type for condition in conditions] == ["Ready", "Stalled"]
    assert conditions[0].last_transition_time == NOW.replace(microsecond=0)


def test_the_same_answer_given_again_is_equal() -> None:
    assert set_condition(start(), "Ready", "False", "Loading", "loading", 1, LATER) == start()


def test_another_reason_keeps_the_time() -> None:
    changed = set_condition(start(), "Ready", "False", "Paused", "paused", 2, LATER)
    assert (changed[0].reason, changed[0].message, changed[0].observed_generation) == ("Paused", "paused", 2)
    assert changed[0].last_transition_time == NOW.replace(microsecond=0)


def test_another_status_moves_the_time_and_keeps_the_place() -> None:
    changed = set_condition(start(), "Ready", "True", "Serving", "serves", 2, LATER)
    assert [condition.type for condition in changed] == ["Ready", "Stalled"]
    assert changed[0].last_transition_time == LATER.replace(microsecond=0)
    assert changed[1] == start()[1]


def test_the_input_is_left_alone() -> None:
    conditions = start()
    set_condition(conditions, "Ready", "True", "Serving", "serves", 2, LATER)
    assert conditions == start()
