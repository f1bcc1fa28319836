"""How far the revision a spec asks for has come, and in one line what changed."""

from datetime import datetime
from enum import Enum

from tidegate.api.status import RolloutStatus
from tidegate.cli.advice import HOLDS
from tidegate.cli.text import clock
from tidegate.cli.view import condition, current, pods, share, waits_for
from tidegate.rollout.resource import Resource

GIVEN_UP = ("CapacityTimeout", "Adopted")
DECIDED_BY_PEOPLE = ("Paused", "Suspended", "StableNotReady", "GatewayNotSupported", *HOLDS)


class Stage(Enum):
    """Where the revision the spec asks for is; the value is for people."""

    UnderWay = "under way"
    WaitsForAPerson = "waits for a person"
    Promoted = "promoted"
    RolledBack = "rolled back"
    GivenUp = "given up"
    Stuck = "stuck"


def stage_of(resource: Resource) -> Stage:
    """Judge by the status; what the operator has not seen yet is under way."""
    status, ready = resource.status, condition(resource.status)
    if not current(resource):
        return Stage.UnderWay
    if status.rollout is None and status.stable == resource.desired:
        return Stage.Promoted
    if ready.reason == "Paused" and status.rollout is not None and _ends_by_itself(status.rollout):
        return Stage.UnderWay
    if ready.reason in DECIDED_BY_PEOPLE:
        return Stage.WaitsForAPerson
    if condition(status, "Stalled").status != "True":
        return Stage.UnderWay
    if ready.reason == "RolledBack":
        return Stage.RolledBack
    return Stage.GivenUp if ready.reason in GIVEN_UP else Stage.Stuck


def _ends_by_itself(rollout: RolloutStatus) -> bool:
    """In a pause step with seconds, and in no other pause."""
    if not rollout.paused or rollout.inconclusive or rollout.paused_by is not None:
        return False
    step = rollout.plan.steps[rollout.step] if rollout.step < len(rollout.plan.steps) else None
    return step is not None and step.pause is not None and step.pause.seconds is not None


def headline(resource: Resource) -> str:
    """Where it stands, without the numbers that move all the time: equal while nothing happens."""
    status, ready = resource.status, condition(resource.status)
    if not current(resource):
        return "the operator has yet to look at it"
    rollout = status.rollout
    if rollout is None:
        return f"{status.stable or status.candidate or 'nothing'}: {ready.reason}"
    hold = f", held: {rollout.hold.reason}" if rollout.hold is not None and rollout.phase == "Stepping" else ""
    why = "" if ready.reason == rollout.phase else f", {ready.reason}"
    where = f"{rollout.step_name or rollout.phase} at {share(status, rollout.revision)}"
    return f"{rollout.revision}: {where}, {pods(status, rollout.revision)}{why}{hold}"


def line(resource: Resource, now: datetime) -> str:
    """The headline with its time and what it waits for."""
    # The reason is in the headline.
    missing = waits_for(resource).partition(": ")[2] if current(resource) else ""
    return f"{clock(now)}  {headline(resource)}" + (f" - {missing}" if missing else "")
