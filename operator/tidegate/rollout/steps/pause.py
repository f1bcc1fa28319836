"""Step `pause`: wait for a person, or for a time."""

from datetime import timedelta

from tidegate.api.spec import PauseStep
from tidegate.rollout.draft import Draft
from tidegate.rollout.steps.base import Progress


def pause_progress(draft: Draft, step: PauseStep) -> Progress:
    """Done once a person resumed it, or its seconds passed since the step began."""
    rollout = draft.status.rollout
    assert rollout is not None
    if rollout.resumed:
        return Progress(True)
    if step.seconds is None:
        return Progress(False, "Paused", f"paused until `tidegate.dev/resume: {rollout.revision}/<id>` is annotated")
    ends = rollout.step_since + timedelta(seconds=step.seconds)
    if ends <= draft.now:
        return Progress(True)
    draft.wake_at(ends)
    return Progress(False, "Paused", f"paused until {ends:%H:%M:%S} UTC")
