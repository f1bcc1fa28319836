"""Adoption: status was lost while revisions run; the Services say what they are."""

from typing import Literal

from tidegate.api.names import LETTERS, Letter
from tidegate.api.status import Held, RevisionStatus, Withdrawal
from tidegate.rollout.capacity import WHOLE
from tidegate.rollout.draft import Draft


def adopt(draft: Draft) -> None:
    """Take what Service NAME selects as stable; a spec that differs then waits for a person or a new generation.

    A revision in the other slot is withdrawn like any candidate: through the weights it still has in the route.
    """
    revision = draft.seen.selected.get("stable")
    if draft.status.observed_generation is not None or revision is None:
        return
    if revision not in draft.seen.controller_revisions:
        return
    letter = _slot_of(draft, revision)
    if letter is None:
        return
    draft.status.stable = revision
    draft.slot(letter).revision, draft.slot(letter).weight = revision, WHOLE
    draft.status.revisions = [_running(draft, revision, "Stable")]
    _adopt_other(draft, "b" if letter == "a" else "a", letter)
    if draft.resource.desired != revision:
        message = f"{revision} was found running and is kept; the spec asks for {draft.resource.desired}"
        draft.status.held = Held(generation=draft.resource.generation, reason="Adopted", message=message)
    draft.tell("Adopted", f"{revision} was found running and is stable", warning=True)


def _adopt_other(draft: Draft, letter: Letter, stable: Letter) -> None:
    revision = draft.seen.selected.get(letter)
    if revision is None or revision not in draft.seen.controller_revisions:
        return
    found = draft.seen.route.weights or {"a": 0, "b": 0}
    if found["a"] + found["b"] == WHOLE:
        draft.slot(letter).weight, draft.slot(stable).weight = found[letter], found[stable]
    draft.slot(letter).revision = revision
    draft.status.candidate = revision
    draft.status.revisions = [*draft.status.revisions, _running(draft, revision, "Candidate")]
    lost = Withdrawal(reason="Adopted", message="what its rollout had learnt is lost", reject=False)
    draft.begin_rollout(revision, "Withdrawing", lost)


def _running(draft: Draft, revision: str, role: Literal["Stable", "Candidate"]) -> RevisionStatus:
    replicas = draft.seen.deployments.get(revision, draft.resource.spec.replicas)
    return RevisionStatus(name=revision, created_at=draft.now, replicas=replicas, role=role)


def _slot_of(draft: Draft, revision: str) -> Letter | None:
    return next((letter for letter in LETTERS if draft.seen.selected.get(letter) == revision), None)
