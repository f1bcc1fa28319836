"""Phase Promoting: the judged revision grows to full size, takes all traffic, and becomes stable with the same pods."""

from datetime import timedelta

from tidegate.rollout.capacity import WHOLE
from tidegate.rollout.draft import Draft
from tidegate.rollout.traffic import allowed_weight, candidate_weight, full_size, move_towards


def promote(draft: Draft, reason: str, message: str) -> None:
    """Record that the candidate is promoted, and why."""
    rollout = draft.status.rollout
    assert rollout is not None
    draft.decide("Promote", reason, message, rollout.revision)
    draft.tell("Promoting", f"{rollout.revision}: {message}")
    rollout.phase, rollout.phase_since = "Promoting", draft.now
    rollout.paused = False


def promoting(draft: Draft) -> None:
    """Grow to full size, then move all traffic, then flip the roles."""
    rollout, status = draft.status.rollout, draft.status
    assert rollout is not None
    entry = draft.revision_status(rollout.revision)
    if entry is not None:
        entry.replicas = full_size(draft)
    if draft.ready(status.stable) == 0 and rollout.promoted_by is None:
        return
    if draft.ready(rollout.revision) >= full_size(draft):
        if move_towards(draft, WHOLE):
            _flip(draft)
        return
    move_towards(draft, min(candidate_weight(draft), allowed_weight(draft)))


def _flip(draft: Draft) -> None:
    status, rollout = draft.status, draft.status.rollout
    assert rollout is not None
    retired = status.stable
    status.stable, status.previous, status.candidate = rollout.revision, retired, None
    for entry in status.revisions:
        if entry.name == rollout.revision:
            entry.role = "Stable"
        elif entry.name == retired:
            entry.role = "Previous"
    status.keep_previous_until = draft.now + timedelta(seconds=rollout.plan.keep_previous_seconds)
    status.rollout = None
    draft.tell("Promoted", f"{status.stable} is stable and gets all traffic; {retired} is kept warm for a while")
