"""The way back to the previous revision, which is still warm: pointers move, no model is loaded, nothing is judged."""

from typing import Literal

from tidegate.api.status import Withdrawal
from tidegate.rollout.draft import Draft


def go_back(draft: Draft, message: str, *, undoes: Withdrawal | None = None) -> None:
    """Begin to promote previous as it is.

    Parameters
    ----------
    undoes
        Why the present stable revision is taken back; it is rejected when the roles change. None where nothing speaks
        against it.
    """
    status, previous = draft.status, draft.status.previous
    assert previous is not None
    status.candidate, status.previous, status.keep_previous_until = previous, None, None
    set_role(draft, previous, "Candidate")
    entry = draft.revision_status(previous)
    if entry is not None:
        entry.replicas = draft.resource.spec.replicas
    draft.begin_rollout(previous, "Promoting")
    assert status.rollout is not None
    status.rollout.undoes = undoes
    draft.decide("Promote", "PreviousRevision", message, previous)


def undo(draft: Draft, reason: str, message: str) -> None:
    """Take stable back and bring the revision before it again."""
    stable, previous = draft.status.stable, draft.status.previous
    assert stable is not None
    draft.decide("Rollback", reason, message, stable)
    undoes = Withdrawal(reason=reason, message=message, reject=True)
    go_back(draft, f"{stable} is undone; {previous} is still warm", undoes=undoes)
    draft.tell("Undoing", f"{stable}: {message}; {previous} comes again", warning=True)


def set_role(draft: Draft, revision: str, role: Literal["Stable", "Candidate", "Previous"]) -> None:
    """Say in the status what `revision` is to users."""
    entry = draft.revision_status(revision)
    if entry is not None:
        entry.role = role
