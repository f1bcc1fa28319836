"""spec and status: defaults, numbers, and what a round trip leaves as it was."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from tidegate.api.spec import ErrorLimit, ResourceRequirements, Rollout
from tidegate.api.status import (
    Decision,
    ModelDeploymentStatus,
    RolloutStatus,
    Slot,
)
from tidegate.api.status_types import MESSAGE_LENGTH

NOW = datetime(2026, 11, 23, 20, 0, 0, 123_456, tzinfo=UTC)


def rollout_status() -> RolloutStatus:
    return RolloutStatus(
        id="filetype-0123456789.2",
        started_at=NOW,
        revision="filetype-0123456789",
        plan=Rollout(),
        phase="Stepping",
        phase_since=NOW,
        step_since=NOW,
        judged_until=NOW,
        evidence={"logWealth": ["-0.5", "1.25"], "judgedUntil": 1.5},
    )


def test_error_limits_become_shares() -> None:
    assert (ErrorLimit().max_share, ErrorLimit().ignore_below) == (0.01, 0.001)
    assert ErrorLimit(max_share_percent="5", ignore_below_percent="0.5").ignore_below == 0.005


def test_quantities_may_be_written_as_numbers() -> None:
    parsed = ResourceRequirements.model_validate({"limits": {"nvidia.com/gpu": 1, "memory": "8Gi"}})
    assert parsed.limits == {"nvidia.com/gpu": "1", "memory": "8Gi"}


def test_the_default_plan_is_a_ramp_to_half_of_the_traffic() -> None:
    assert [step.ramp.max_percent for step in Rollout().steps if step.ramp] == [50]


def test_status_is_the_same_after_a_round_trip() -> None:
    status = ModelDeploymentStatus(rollout=rollout_status(), observed_generation=3)
    status.slots.b = Slot(revision="filetype-0123456789", weight=1, in_force_since=NOW)
    stored = status.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert stored["slots"]["b"]["inForceSince"] == "2026-11-23T20:00:00.123456Z"
    assert ModelDeploymentStatus.model_validate(stored) == status
    assert ModelDeploymentStatus.model_validate({**stored, "fieldOfANewerOperator": 1}) == status


def test_two_statuses_share_nothing() -> None:
    one, other = ModelDeploymentStatus(), ModelDeploymentStatus()
    one.slots.a.weight = 5
    one.requests.promote = "x/1"
    assert other == ModelDeploymentStatus()


def test_a_message_too_long_to_be_stored_is_cut_when_it_is_set() -> None:
    decision = Decision(at=NOW, weight=0, verdict="Hold", reason="Long", message="x" * 10_000, revision="r")
    assert len(decision.message) == MESSAGE_LENGTH
    assert decision.message.endswith("x…")
    decision.message = "y" * 10_000
    stored = decision.model_dump(mode="json", by_alias=True)
    assert Decision.model_validate(stored) == decision


@pytest.mark.parametrize(
    ("name", "value"), [("weight", 1_000_001), ("weight", -1), ("in_force_since", "yesterday"), ("revision", "r" * 254)]
)
def test_what_cannot_be_stored_cannot_be_set(name: str, value: Any) -> None:
    with pytest.raises(ValidationError):
        setattr(Slot(), name, value)


def test_a_request_of_any_length_can_be_acknowledged() -> None:
    status = ModelDeploymentStatus()
    status.requests.abort = "r/" + "x" * 200_000
    assert status.requests.abort.endswith("x")


def test_the_plan_of_a_rollout_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        setattr(rollout_status().plan, "load_seconds", 5)  # noqa: B010 (mypy refuses the plain assignment)
