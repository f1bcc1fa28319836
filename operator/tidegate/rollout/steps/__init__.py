"""The kinds of step. One file a kind; each says whether it is done, and what weight it wants meanwhile."""

from tidegate.api.spec import Rollout, Step
from tidegate.rollout.capacity import candidate_size
from tidegate.rollout.draft import Draft
from tidegate.rollout.steps.base import Progress
from tidegate.rollout.steps.pause import pause_progress
from tidegate.rollout.steps.weight import PARTS_PER_PERCENT, weight_progress

__all__ = [
    "PARTS_PER_PERCENT",
    "Progress",
    "first_size",
    "first_weight",
    "held_weight",
    "last_weight_step",
    "progress",
    "step_name",
]


def progress(draft: Draft, step: Step) -> Progress:
    """Where the rollout stands in `step`."""
    if step.weight is not None:
        return weight_progress(draft, step.weight)
    if step.pause is not None:
        return pause_progress(draft, step.pause)
    raise ValueError("a rollout step names no kind; set exactly one of: weight, pause")


def held_weight(plan: Rollout, index: int) -> int:
    """Weight (parts per million) that step `index` holds: its own, or that of the weight step before it."""
    for step in reversed(plan.steps[: index + 1]):
        if step.weight is not None:
            return step.weight.percent * PARTS_PER_PERCENT
    return 0


def first_weight(plan: Rollout) -> int:
    """Weight (parts per million) of the first step that has one, 0 where none has: held without any judgement."""
    return next((step.weight.percent * PARTS_PER_PERCENT for step in plan.steps if step.weight is not None), 0)


def last_weight_step(plan: Rollout) -> int | None:
    """Index of the last step with a weight of its own; evidence for promotion is gathered from there on."""
    indexes = [index for index, step in enumerate(plan.steps) if step.weight is not None]
    return indexes[-1] if indexes else None


def first_size(plan: Rollout, stable: int) -> int:
    """Pods the candidate starts with: what its first weight needs beside `stable` pods."""
    return candidate_size(held_weight(plan, 0), stable)


def step_name(plan: Rollout, index: int) -> str:
    """The step as shown to people, e.g. ``2/3 weight 25%``; past the last one, judging goes on."""
    count = len(plan.steps)
    if index >= count:
        return f"{count}/{count} judging"
    step = plan.steps[index]
    kind = f"weight {step.weight.percent}%" if step.weight is not None else "pause"
    return f"{index + 1}/{count} {kind}"
