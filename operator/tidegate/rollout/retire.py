"""Previous: the last stable, kept warm at weight 0 for a while, then removed once its slot is drained."""

from tidegate.rollout.draft import Draft
from tidegate.rollout.traffic import drained


def retire(draft: Draft) -> None:
    """Remove previous when its time is over and no request can still be on its way to it."""
    status = draft.status
    if status.previous is None:
        return
    if status.keep_previous_until is not None and status.keep_previous_until > draft.now:
        draft.wake_at(status.keep_previous_until)
        return
    if not draft.suspended and drained(draft, status.previous):
        draft.tell("PreviousRemoved", f"{status.previous} is no longer kept")
        draft.forget_revision(status.previous)
        status.previous, status.keep_previous_until = None, None
