"""Phase Withdrawing: traffic away first, pods go once the slot is drained."""

from tidegate.api.status import Withdrawal
from tidegate.rollout.draft import Draft
from tidegate.rollout.traffic import candidate_weight, drained, in_force, move_towards


def withdraw(draft: Draft, reason: str, message: str, *, reject: bool) -> None:
    """Record that the candidate is taken back, and why; `reject` remembers it so that it is not tried again."""
    rollout = draft.status.rollout
    assert rollout is not None
    if rollout.phase == "Withdrawing":
        return
    if reject:
        draft.decide("Rollback", reason, message, rollout.revision)
        draft.reject(rollout.revision, reason, message)
    draft.tell("RolledBack" if reject else reason, f"{rollout.revision}: {message}", warning=reject)
    rollout.phase, rollout.phase_since = "Withdrawing", draft.now
    rollout.withdraw = Withdrawal(reason=reason, message=message, reject=reject)


def withdrawing(draft: Draft) -> None:
    """Take the candidate's weight to nothing, wait until its slot is drained, then let it go."""
    rollout = draft.status.rollout
    assert rollout is not None
    stable_answers = draft.ready(draft.status.stable) > 0
    if candidate_weight(draft) > 0:
        if stable_answers:
            move_towards(draft, 0)
        return
    if in_force(draft) and drained(draft, rollout.revision) and not draft.suspended:
        draft.forget_revision(rollout.revision)
        draft.status.candidate = None
        draft.status.rollout = None


def traffic_is_away(draft: Draft) -> bool:
    """A withdrawn candidate gets no request any more."""
    return candidate_weight(draft) == 0 and in_force(draft)
