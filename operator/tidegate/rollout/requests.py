"""What people ask for by annotation: promote, abort, retry, pause, resume, undo. Each value is obeyed once."""

from tidegate.api.names import REQUEST_VERBS, annotation
from tidegate.rollout.back import undo
from tidegate.rollout.draft import Draft
from tidegate.rollout.phases.promoting import promote
from tidegate.rollout.phases.withdrawing import withdraw
from tidegate.rollout.traffic import candidate_weight

SUSPENDED = "spec.suspend is true, so no traffic moves towards another revision; set it to false first"


def obey_requests(draft: Draft) -> None:
    """Acknowledge every request not seen before, and carry out those that fit; abort beats promote."""
    first_look = draft.status.observed_generation is None
    fresh = {}
    for verb in REQUEST_VERBS:
        value = draft.resource.annotations.get(annotation(verb))
        if value is None or value == getattr(draft.status.requests, verb):
            continue
        setattr(draft.status.requests, verb, value)
        if not first_look:
            fresh[verb] = value
    if "abort" in fresh and "promote" in fresh:
        _refuse(draft, "promote", fresh.pop("promote"), "abort was asked for as well, and abort wins")
    for verb, value in fresh.items():
        trouble = _OBEY[verb](draft, value)
        if trouble:
            _refuse(draft, verb, value, trouble)


def _refuse(draft: Draft, verb: str, value: str, why: str) -> None:
    draft.tell("RequestRefused", f"{verb} {value!r}: {why}", warning=True)


def _not_candidate(draft: Draft, verb: str, value: str) -> str:
    rollout = draft.status.rollout
    if rollout is None:
        return f"no rollout is under way, so there is nothing to {verb}"
    if _named(value) != rollout.revision:
        return f"it names revision {_named(value)!r}, the candidate is {rollout.revision!r}"
    if rollout.phase == "Withdrawing" and not (verb == "promote" and _only_candidate_serves(draft)):
        return f"{rollout.revision} is being taken back already"
    return ""


def _only_candidate_serves(draft: Draft) -> bool:
    """No pod of stable is ready, so a withdrawal has to wait: whom to send users to is then a person's decision."""
    return draft.ready(draft.status.stable) == 0 and candidate_weight(draft) > 0


def _promote(draft: Draft, value: str) -> str:
    rollout = draft.status.rollout
    if (trouble := _not_candidate(draft, "promote", value)) or rollout is None:
        return trouble
    if rollout.phase == "Promoting":
        return f"{rollout.revision} is being promoted already"
    if draft.suspended:
        return SUSPENDED
    draft.status.rejected = [entry for entry in draft.status.rejected if entry.revision != rollout.revision]
    rollout.promoted_by, rollout.withdraw = value, None
    promote(draft, "Requested", f"promoted by request {value}; the steps left are skipped")
    return ""


def _abort(draft: Draft, value: str) -> str:
    if trouble := _not_candidate(draft, "abort", value):
        return trouble
    withdraw(draft, "Aborted", f"aborted by request {value}", reject=True)
    return ""


def _retry(draft: Draft, value: str) -> str:
    desired = draft.resource.desired
    if _named(value) != desired:
        return f"it names revision {_named(value)!r}, the spec asks for {desired!r}"
    rollout = draft.status.rollout
    if rollout is not None and rollout.phase == "Withdrawing":
        return f"{desired} is still being taken back; ask again once that is done"
    if draft.rejection(desired) is None and draft.status.held is None:
        return f"{desired} was not taken back, so there is nothing to retry"
    draft.status.rejected = [entry for entry in draft.status.rejected if entry.revision != desired]
    draft.status.held = None
    draft.tell("Retrying", f"{desired} gets another try, by request {value}")
    return ""


def _resume(draft: Draft, value: str) -> str:
    rollout = draft.status.rollout
    if (trouble := _not_candidate(draft, "resume", value)) or rollout is None:
        return trouble
    if not rollout.paused and rollout.paused_by is None:
        return f"{rollout.revision} is not paused"
    if rollout.paused_by is not None:
        rollout.paused_by = None
    elif rollout.inconclusive:
        rollout.inconclusive, rollout.judged_milliseconds = False, 0
    else:
        rollout.resumed = True
    rollout.paused = False
    draft.tell("Resumed", f"{rollout.revision} goes on, by request {value}")
    return ""


def _pause(draft: Draft, value: str) -> str:
    rollout = draft.status.rollout
    if (trouble := _not_candidate(draft, "pause", value)) or rollout is None:
        return trouble
    if rollout.phase == "Promoting":
        return f"{rollout.revision} is being promoted already; abort takes it back"
    if rollout.paused_by is not None:
        return f"{rollout.revision} is paused already, by request {rollout.paused_by}"
    rollout.paused_by = value
    draft.tell("Paused", f"{rollout.revision} stays where it is, by request {value}")
    return ""


def _undo(draft: Draft, value: str) -> str:
    if trouble := _not_undoable(draft, value):
        return trouble
    undo(draft, "Undone", f"undone by request {value}")
    return ""


def _not_undoable(draft: Draft, value: str) -> str:
    status = draft.status
    if status.rollout is not None:
        return f"a rollout of {status.rollout.revision!r} is under way; abort takes it back, undo is for a promoted one"
    if _named(value) != status.stable:
        return f"it names revision {_named(value)!r}, stable is {status.stable!r}"
    if status.previous is None:
        return "no previous revision is kept any more; set the spec back, and it is rolled out as any other"
    if draft.rejection(status.previous) is not None:
        return f"the previous revision {status.previous!r} was taken back itself; retry is what forgets that"
    if draft.ready(status.previous) == 0:
        return f"no pod of the previous revision {status.previous!r} is ready; set the spec back to roll it out"
    return SUSPENDED if draft.suspended else ""


def _named(value: str) -> str:
    return value.partition("/")[0]


_OBEY = {
    "abort": _abort,
    "promote": _promote,
    "retry": _retry,
    "pause": _pause,
    "resume": _resume,
    "undo": _undo,
}
