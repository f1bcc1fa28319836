"""Step `schema`: the candidate takes what clients send to stable, and gives what they read; asked of both servers."""

from tidegate.api.names import LETTERS, Letter
from tidegate.api.status import ModelDeploymentStatus
from tidegate.rollout.draft import Draft
from tidegate.rollout.holding import hold_while
from tidegate.rollout.steps.base import Progress
from tidegate.runtimes.signature import Signature, differences

UNKNOWN = "SchemaUnknown"
BROKEN = "SchemaBreak"
RETRY_SECONDS = 5.0


def revisions_to_ask(status: ModelDeploymentStatus) -> dict[str, Letter]:
    """Revisions whose servers the present step asks what they take and give, with their slots; empty for none."""
    rollout = status.rollout
    if rollout is None or rollout.phase != "Stepping" or rollout.step >= len(rollout.plan.steps):
        return {}
    if rollout.plan.steps[rollout.step].schema_check is None:
        return {}
    asked = (status.stable, rollout.revision)
    slots = {status.slots.of(letter).revision: letter for letter in LETTERS}
    return {revision: letter for revision, letter in slots.items() if revision is not None and revision in asked}


def schema_progress(draft: Draft) -> Progress:
    """Done once both servers said what they take and give, and no client of stable's would miss anything."""
    rollout = draft.status.rollout
    assert rollout is not None
    names = (draft.status.stable, rollout.revision)
    found = {name: draft.seen.signatures.get(name or "", "not asked yet") for name in names}
    unknown = {name: why for name, why in found.items() if not isinstance(why, Signature)}
    trouble = next((f"what {name} takes and gives is not known: {why}" for name, why in unknown.items()), "")
    hold_while(draft, rollout, UNKNOWN, trouble)
    if trouble:
        draft.wake_in(RETRY_SECONDS)
        return Progress(False, UNKNOWN, trouble)
    stable, candidate = found.values()
    assert isinstance(stable, Signature)
    assert isinstance(candidate, Signature)
    broken = differences(stable, candidate)
    if not broken:
        return Progress(True)
    return Progress(False, BROKEN, f"clients of stable would break: {'; '.join(broken)}", rejects=True)
