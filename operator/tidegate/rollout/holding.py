"""Holds that no measurement tells of: they last for as long as their reason does, and are `Stalled` after a while."""

from tidegate.api.status import Hold, RolloutStatus
from tidegate.rollout.draft import Draft


def hold_while(draft: Draft, rollout: RolloutStatus, reason: str, trouble: str) -> None:
    """Hold for `reason` while there is trouble (what to say of it); one that is held for something else stays so."""
    hold = rollout.hold
    held = hold is not None and hold.reason == reason
    if trouble and (hold is None or held):
        since = hold.since if hold is not None else draft.now
        rollout.hold = Hold(reason=reason, message=trouble, since=since)
        draft.decide("Hold", reason, trouble, rollout.revision)
    elif held and not trouble:
        rollout.hold = None
