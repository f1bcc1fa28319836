"""spec.suspend: nothing starts, rises, is promoted or removed, and no clock runs."""

from datetime import datetime, timedelta

from tidegate.rollout.draft import Draft


def observe_suspension(draft: Draft) -> None:
    """Record since when it is suspended; once it no longer is, put off every deadline by as long as it was."""
    status = draft.status
    if draft.suspended:
        status.suspended_since = status.suspended_since or draft.now
        return
    if status.suspended_since is None:
        return
    lost = max(draft.now - status.suspended_since, timedelta())
    status.suspended_since = None
    status.keep_previous_until = _later(status.keep_previous_until, lost)
    if (rollout := status.rollout) is not None:
        rollout.phase_since, rollout.step_since = rollout.phase_since + lost, rollout.step_since + lost


def _later(moment: datetime | None, lost: timedelta) -> datetime | None:
    return None if moment is None else moment + lost
