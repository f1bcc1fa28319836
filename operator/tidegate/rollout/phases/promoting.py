"""Phase Promoting: the judged revision grows to full size, takes all traffic, and becomes stable with the same pods."""

from datetime import timedelta

from tidegate.judge.verdict import Kind
from tidegate.rollout.aftercare import begin_watch
from tidegate.rollout.back import set_role
from tidegate.rollout.capacity import ENTRY, WHOLE, candidate_size
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
    rollout.paused, rollout.paused_by, rollout.message = False, None, message


def promoting(draft: Draft) -> None:
    """Grow to full size, then move all traffic, then flip the roles; harm and failures still take it back."""
    rollout, status = draft.status.rollout, draft.status
    assert rollout is not None
    if _taken_back(draft) or draft.suspended:
        return
    entry = draft.revision_status(rollout.revision)
    if entry is not None:
        entry.replicas = full_size(draft)
    if draft.ready(status.stable) == 0 and not _person_decides(draft):
        return
    if draft.ready(rollout.revision) >= full_size(draft):
        if move_towards(draft, WHOLE):
            _flip(draft)
    elif lacks_room(draft):
        move_towards(draft, allowed_weight(draft))
    else:
        move_towards(draft, min(candidate_weight(draft), allowed_weight(draft)))


def stable_size(draft: Draft) -> int:
    """Pods stable keeps while the candidate is promoted: one at a time makes room where the candidate finds none.

    Before, it grows only once the candidate has: the candidate's weight would have to fall otherwise.
    """
    stable, wanted = draft.status.stable, draft.resource.spec.replicas
    entry, rollout = draft.revision_status(stable), draft.status.rollout
    if entry is None or rollout is None or rollout.phase not in ("Stepping", "Promoting"):
        return wanted
    if rollout.phase == "Stepping":
        return min(entry.replicas, wanted) if _candidate_grows_first(draft, wanted) else wanted
    kept, ready = min(entry.replicas, wanted), draft.ready(stable)
    candidate, full = draft.ready(rollout.revision), full_size(draft)
    spare = candidate < full < candidate + ready
    makes_room = spare and lacks_room(draft) and ready == kept and in_force(draft) and not draft.suspended
    return kept - 1 if makes_room else kept


def _candidate_grows_first(draft: Draft, wanted: int) -> bool:
    """Pods of the candidate are on their way that its weight needs beside so many of stable."""
    candidate, weight = draft.status.candidate, candidate_weight(draft)
    needed = candidate_size(weight, wanted) if ENTRY < weight < WHOLE - ENTRY else 0
    return draft.ready(candidate) < needed and draft.trouble(candidate, served=True) is None


def _taken_back(draft: Draft) -> bool:
    rollout, verdict = draft.status.rollout, outcome(draft)
    assert rollout is not None
    if draft.ready(draft.status.stable) == 0 and _person_decides(draft):
        return False
    if verdict is not None and verdict.kind is Kind.Rollback and not _person_decides(draft):
        withdraw(draft, verdict.reason, verdict.message, reject=True)
        return True
    return failed(draft)


def _person_decides(draft: Draft) -> bool:
    """A person promoted it, or wants the revision back that was stable before: the judge does not overrule that."""
    rollout = draft.status.rollout
    assert rollout is not None
    promotions = [entry.reason for entry in draft.status.decisions if entry.verdict == "Promote"]
    return rollout.promoted_by is not None or promotions[-1:] == ["PreviousRevision"]


def _flip(draft: Draft) -> None:
    status, rollout = draft.status, draft.status.rollout
    assert rollout is not None
    retired, undoes = status.stable, rollout.undoes
    assert retired is not None
    status.stable, status.previous, status.candidate, status.rollout = rollout.revision, retired, None, None
    set_role(draft, rollout.revision, "Stable")
    set_role(draft, retired, "Previous")
    status.keep_previous_until = draft.now + timedelta(seconds=rollout.plan.keep_previous_seconds)
    if undoes is not None:
        draft.reject(retired, undoes.reason, undoes.message)
        status.keep_previous_until = draft.now
        draft.tell(
            "Undone", f"{status.stable} is stable again and gets all traffic; {retired} is rejected", warning=True
        )
        return
    begin_watch(draft, rollout)
    draft.tell("Promoted", f"{status.stable} is stable and gets all traffic; {retired} is kept warm for a while")
