"""Phase Promoting: the judged revision grows to full size, takes all traffic, and becomes stable with the same pods."""

from datetime import timedelta

from tidegate.judge.verdict import Kind
from tidegate.rollout.capacity import WHOLE
from tidegate.rollout.draft import Draft
from tidegate.rollout.judging import outcome
from tidegate.rollout.phases.loading import failed
from tidegate.rollout.phases.withdrawing import withdraw
from tidegate.rollout.traffic import allowed_weight, candidate_weight, full_size, in_force, lacks_room, move_towards


def promote(draft: Draft, reason: str, message: str) -> None:
    """Record that the candidate is promoted, and why."""
    rollout = draft.status.rollout
    assert rollout is not None
    draft.decide("Promote", reason, message, rollout.revision)
    draft.tell("Promoting", f"{rollout.revision}: {message}")
    rollout.phase, rollout.phase_since = "Promoting", draft.now
    rollout.paused = False


def promoting(draft: Draft) -> None:
    """Grow to full size, then move all traffic, then flip the roles; harm and failures still take it back."""
    rollout, status = draft.status.rollout, draft.status
    assert rollout is not None
    if _taken_back(draft):
        return
    entry = draft.revision_status(rollout.revision)
    if entry is not None:
        entry.replicas = full_size(draft)
    if draft.ready(status.stable) == 0 and rollout.promoted_by is None:
        return
    if draft.ready(rollout.revision) >= full_size(draft):
        if move_towards(draft, WHOLE):
            _flip(draft)
    elif lacks_room(draft):
        move_towards(draft, allowed_weight(draft))
    else:
        move_towards(draft, min(candidate_weight(draft), allowed_weight(draft)))


def stable_size(draft: Draft) -> int:
    """Pods stable keeps while the candidate is promoted: one at a time makes room where the candidate finds none."""
    stable, wanted = draft.status.stable, draft.resource.spec.replicas
    entry, rollout = draft.revision_status(stable), draft.status.rollout
    if entry is None or rollout is None or rollout.phase != "Promoting":
        return wanted
    kept, ready = min(entry.replicas, wanted), draft.ready(stable)
    candidate, full = draft.ready(rollout.revision), full_size(draft)
    spare = candidate < full < candidate + ready
    return kept - 1 if spare and lacks_room(draft) and ready == kept and in_force(draft) else kept


def _taken_back(draft: Draft) -> bool:
    rollout, verdict = draft.status.rollout, outcome(draft)
    assert rollout is not None
    if draft.ready(draft.status.stable) == 0 and rollout.promoted_by is not None:
        return False
    if verdict is not None and verdict.kind is Kind.Rollback and _promoted_on_evidence(draft):
        withdraw(draft, verdict.reason, verdict.message, reject=True)
        return True
    return failed(draft)


def _promoted_on_evidence(draft: Draft) -> bool:
    """The judge promoted it, not a person, and it was never stable before: what the judge finds now still counts."""
    rollout = draft.status.rollout
    assert rollout is not None
    promotions = [entry.reason for entry in draft.status.decisions if entry.verdict == "Promote"]
    return rollout.promoted_by is None and promotions[-1:] != ["PreviousRevision"]


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
