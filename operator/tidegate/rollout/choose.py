"""Which revision to bring in next: the first one, a new candidate, the way back, or none."""

from tidegate.api.names import LETTERS
from tidegate.api.status import RevisionStatus, RolloutStatus
from tidegate.rollout.back import go_back, set_role
from tidegate.rollout.capacity import WHOLE
from tidegate.rollout.draft import Draft
from tidegate.rollout.phases.withdrawing import withdraw
from tidegate.rollout.steps import first_size

LOOK_AGAIN_SECONDS = 15.0
"""Objects that are not ours are not watched: whether they came or went is looked up this often."""


def choose(draft: Draft) -> None:
    """Start, supersede or leave alone, by what the spec asks for and what is there."""
    status, seen = draft.status, draft.seen
    startable = not (seen.names_taken or seen.missing_config_map or left_over(draft))
    if not startable:
        draft.wake_in(LOOK_AGAIN_SECONDS)
    if status.stable is None:
        _first(draft, startable)
    elif status.rollout is not None:
        _supersede(draft, status.rollout)
    elif startable and not draft.suspended and _wanted(draft):
        _start(draft)


def _wanted(draft: Draft) -> bool:
    desired = draft.resource.desired
    if desired == draft.status.stable or draft.rejection(desired) is not None:
        return False
    held = draft.status.held
    return held is None or held.generation != draft.resource.generation


def left_over(draft: Draft) -> bool:
    """Pods of a Deployment that is gone are there: they would be taken for those of a new one until they end."""
    desired = draft.resource.desired
    return desired not in draft.seen.deployments and draft.seen.pods_of(desired) != []


def _first(draft: Draft, startable: bool) -> None:
    desired, status = draft.resource.desired, draft.status
    if draft.suspended:
        return
    if status.candidate != desired:
        if not startable:
            return
        if status.candidate is not None:
            draft.tell("Replaced", f"{status.candidate} never served; {desired} takes its place")
            draft.forget_revision(status.candidate)
        _enter(draft, desired, replicas=draft.resource.spec.replicas)
        draft.tell("Starting", f"{desired}: the first revision starts; it gets all traffic once the model is ready")
    if draft.ready(desired) == 0:
        return
    status.stable, status.candidate = desired, None
    for letter in LETTERS:
        slot = draft.slot(letter)
        slot.weight = WHOLE if slot.revision == desired else 0
        slot.written_at = draft.now
    set_role(draft, desired, "Stable")
    draft.tell("Serving", f"{desired} is ready and gets all traffic; there was nothing to compare it with")


def _supersede(draft: Draft, rollout: RolloutStatus) -> None:
    desired = draft.resource.desired
    if rollout.revision == desired or rollout.phase in ("Promoting", "Withdrawing"):
        return
    if desired == draft.status.stable:
        withdraw(draft, "Reverted", f"the spec went back to {desired}", reject=False)
    else:
        withdraw(draft, "Superseded", f"the spec now asks for {desired}", reject=False)


def _start(draft: Draft) -> None:
    desired, status = draft.resource.desired, draft.status
    if status.previous == desired and draft.ready(desired) > 0:
        _return_to_previous(draft)
        return
    if status.previous is not None:
        until = status.keep_previous_until or draft.now
        status.keep_previous_until = min(until, draft.now)
        return
    spec = draft.resource.spec
    _enter(draft, desired, replicas=first_size(spec.rollout, spec.replicas))
    draft.begin_rollout(desired, "Loading")
    draft.tell("RolloutStarted", f"{desired} is brought in beside {status.stable}")


def _return_to_previous(draft: Draft) -> None:
    message = f"the spec went back to {draft.resource.desired}, which is still warm: no model is loaded, none is judged"
    go_back(draft, message)
    draft.tell("ReturningToPrevious", message)


def _enter(draft: Draft, revision: str, *, replicas: int) -> None:
    status = draft.status
    letter = next(letter for letter in LETTERS if draft.slot(letter).revision is None)
    draft.slot(letter).revision = revision
    status.candidate = revision
    status.revisions = [
        *status.revisions,
        RevisionStatus(name=revision, created_at=draft.now, replicas=replicas, role="Candidate"),
    ]
