"""The kinds of step. One file a kind; each says whether it is done, and what weight it wants meanwhile."""

from tidegate.api.spec import Rollout, Step
from tidegate.rollout.capacity import candidate_size
from tidegate.rollout.draft import Draft
from tidegate.rollout.steps.base import Progress
from tidegate.rollout.steps.pause import pause_progress
from tidegate.rollout.steps.ramp import ramp_progress
from tidegate.rollout.steps.schema import schema_progress
from tidegate.rollout.steps.weight import PARTS_PER_PERCENT, weight_progress

__all__ = [
    "PARTS_PER_PERCENT",
    "Progress",
    "first_size",
    "first_weight",
    "held_weight",
    "last_weight_step",
    "progress",
    "ramps",
    "share_of",
    "step_name",
]


def progress(draft: Draft, step: Step) -> Progress:
    """Where the rollout stands in `step`."""
    if step.weight is not None:
        return weight_progress(draft, step.weight)
    if step.ramp is not None:
        return ramp_progress(draft, step.ramp)
    if step.pause is not None:
        return pause_progress(draft, step.pause)
    if step.schema_check is not None:
        return schema_progress(draft)
    raise ValueError("a rollout step names no kind; set exactly one of: schema, weight, ramp, pause")


def share_of(step: Step) -> int | None:
    """Weight (parts per million) a step leads to; None for one that only waits."""
    if step.weight is not None:
        return step.weight.percent * PARTS_PER_PERCENT
    return step.ramp.max_percent * PARTS_PER_PERCENT if step.ramp is not None else None


def held_weight(plan: Rollout, index: int) -> int:
    """Weight (parts per million) that step `index` leads to: its own, or that of the last step before with one."""
    shares = (share_of(step) for step in reversed(plan.steps[: index + 1]))
    return next((share for share in shares if share is not None), 0)


def first_weight(plan: Rollout) -> int:
    """Weight (parts per million) that the first step with one leads to, 0 where none has."""
    return next((share for step in plan.steps if (share := share_of(step)) is not None), 0)


def last_weight_step(plan: Rollout) -> int | None:
    """Index of the last step with a weight of its own; evidence for promotion is gathered from there on."""
    indexes = [index for index, step in enumerate(plan.steps) if share_of(step) is not None]
    return indexes[-1] if indexes else None


def ramps(plan: Rollout, index: int) -> bool:
    """Whether the weight held in step `index` is that of a ramp: pods are then asked for as it rises."""
    weighty = [step for step in plan.steps[: index + 1] if share_of(step) is not None]
    return bool(weighty) and weighty[-1].ramp is not None


def first_size(plan: Rollout, stable: int) -> int:
    """Pods the candidate starts with: one for a ramp, else what its first weight needs beside `stable` pods."""
    return candidate_size(0 if ramps(plan, 0) else held_weight(plan, 0), stable)


def step_name(plan: Rollout, index: int) -> str:
    """The step as shown to people, e.g. ``2/3 weight 25%``; past the last one, judging goes on."""
    count = len(plan.steps)
    if index >= count:
        return f"{count}/{count} judging"
    return f"{index + 1}/{count} {_kind(plan.steps[index])}"


def _kind(step: Step) -> str:
    if step.weight is not None:
        return f"weight {step.weight.percent}%"
    if step.ramp is not None:
        return f"ramp to {step.ramp.max_percent}%"
    return "schema" if step.schema_check is not None else "pause"
