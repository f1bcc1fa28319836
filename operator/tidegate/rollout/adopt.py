"""Adoption: status was lost while revisions run; the Services say what they are."""

from tidegate.api.names import LETTERS, Letter
from tidegate.api.status import Held, RevisionStatus
from tidegate.rollout.capacity import WHOLE
from tidegate.rollout.draft import Draft


def adopt(draft: Draft) -> None:
    """Take what Service NAME selects as stable; a spec that differs then waits for a person or a new generation."""
    revision = draft.seen.selected.get("stable")
    if draft.status.observed_generation is not None or revision is None:
        return
    if revision not in draft.seen.controller_revisions:
        return
    letter = _slot_of(draft, revision)
    if letter is None:
        return
    other: Letter = "b" if letter == "a" else "a"
    draft.status.stable = revision
    draft.slot(letter).revision, draft.slot(letter).weight = revision, WHOLE
    draft.slot(other).weight = 0
    draft.status.revisions = [
        RevisionStatus(
            name=revision,
            created_at=draft.now,
            replicas=draft.seen.deployments.get(revision, draft.resource.spec.replicas),
            role="Stable",
        )
    ]
    if draft.resource.desired != revision:
        message = f"{revision} was found running and is kept; the spec asks for {draft.resource.desired}"
        draft.status.held = Held(generation=draft.resource.generation, reason="Adopted", message=message)
    draft.tell("Adopted", f"{revision} was found running and is stable", warning=True)


def _slot_of(draft: Draft, revision: str) -> Letter | None:
    return next((letter for letter in LETTERS if draft.seen.selected.get(letter) == revision), None)
