"""Phase Loading: the candidate's pods start and load the model; no traffic is asked for yet."""

from datetime import datetime, timedelta

from tidegate.api.status import Held
from tidegate.rollout.draft import Draft
from tidegate.rollout.failures import Trouble
from tidegate.rollout.phases.withdrawing import withdraw


def loading(draft: Draft) -> None:
    """Go on to the steps once every pod asked for answers, or take the candidate back where it cannot load."""
    rollout = draft.status.rollout
    assert rollout is not None
    if failed(draft):
        return
    entry = draft.revision_status(rollout.revision)
    wanted = entry.replicas if entry else 1
    if draft.ready(rollout.revision) >= wanted and not draft.suspended:
        rollout.phase, rollout.phase_since, rollout.step_since = "Stepping", draft.now, draft.now
        draft.tell("CandidateReady", f"{rollout.revision} has loaded its model and answers")


def failed(draft: Draft) -> bool:
    """Take the candidate back for the model's own failures, or for room that was never found; True if so."""
    rollout = draft.status.rollout
    assert rollout is not None
    trouble = draft.trouble(rollout.revision, served=rollout.phase != "Loading")
    if trouble is None:
        return False
    if trouble.kind == "Model":
        withdraw(draft, trouble.reason, trouble.message, reject=True)
        return True
    return trouble.kind == "Capacity" and _waited_too_long(draft, trouble)


def given_up_at(draft: Draft, trouble: Trouble) -> datetime | None:
    """When a candidate that finds no room is given up; None where there is no deadline."""
    rollout = draft.status.rollout
    if rollout is None or trouble.kind != "Capacity" or rollout.phase != "Loading" or draft.suspended:
        return None
    return rollout.phase_since + timedelta(seconds=rollout.plan.capacity.wait_seconds)


def _waited_too_long(draft: Draft, trouble: Trouble) -> bool:
    rollout = draft.status.rollout
    assert rollout is not None
    deadline = given_up_at(draft, trouble)
    if deadline is None:
        return False
    if deadline > draft.now:
        draft.wake_at(deadline)
        return False
    draft.status.held = Held(generation=draft.resource.generation, reason="CapacityTimeout", message=trouble.message)
    withdraw(draft, "CapacityTimeout", trouble.message, reject=False)
    return True
