"""Step `ramp`: as much traffic as the harm budget allows, up to a share that was judged once."""

from tidegate.api.spec import RampStep
from tidegate.rollout.draft import Draft
from tidegate.rollout.steps.base import Progress


def ramp_progress(draft: Draft, step: RampStep) -> Progress:
    """Done once an interval was judged at the step's largest share, or at what the candidate's pods carry of it."""
    rollout = draft.status.rollout
    assert rollout is not None
    if rollout.step_judged_milliseconds > 0:
        return Progress(True)
    return Progress(False, "Judging", f"to be judged once at {step.max_percent} %")
