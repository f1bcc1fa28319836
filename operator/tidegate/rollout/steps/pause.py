"""Step `pause`: wait for a person, or for a time."""

from datetime import timedelta

from tidegate.api.names import annotation
from tidegate.api.spec import PauseStep
from tidegate.rollout.draft import Draft
from tidegate.rollout.steps.base import Progress


def resume_request(revision: str) -> str:
    """What a person has to do to end a pause of `revision`."""
    return f"`{annotation('resume')}: {revision}/<id>` is annotated"


def pause_progress(draft: Draft, step: PauseStep) -> Progress:
    """Done once a person resumed it, or its seconds passed since the step began."""
    rollout = draft.status.rollout
    assert rollout is not None
    if rollout.resumed:
        return Progress(True)
    if step.seconds is None:
        return Progress(False, "Paused", f"paused until {resume_request(rollout.revision)}")
    ends = rollout.step_since + timedelta(seconds=step.seconds)
    if ends <= draft.now:
        return Progress(True)
    draft.wake_at(ends)
    return Progress(False, "Paused", f"paused until {ends:%H:%M:%S} UTC")
