"""Step `weight`: hold a share of the traffic until it was judged for as long as asked."""

from tidegate.api.spec import WeightStep
from tidegate.rollout.draft import Draft
from tidegate.rollout.steps.base import Progress

PARTS_PER_PERCENT = 10_000


def weight_progress(draft: Draft, step: WeightStep) -> Progress:
    """Done once at least one interval and `step.seconds` of judged time passed at this step's weight."""
    rollout = draft.status.rollout
    assert rollout is not None
    judged = rollout.step_judged_milliseconds
    if judged > 0 and judged >= step.seconds * 1000:
        return Progress(True)
    return Progress(False, "Judging", f"judged for {judged / 1000:.0f} of {step.seconds} s at {step.percent} %")
