"""A rollout's plan in arrays: what each step asks for, by its index."""

from enum import IntEnum

import numpy as np

from tidegate.api.spec import Rollout, Step
from tidegate.judge.grid import interval_length
from tidegate.rollout.steps import first_size, first_weight, held_weight, last_weight_step, ramps
from tidegate.simulation.arrays import Flags, Floats, Ints
from tidegate.simulation.pacing import Budget
from tidegate.simulation.situation import Policy, Situation


class StepKind(IntEnum):
    """What ends a step."""

    Weight = 0
    Ramp = 1
    Pause = 2


class Plan:
    """Numbers of a plan; arrays have one entry a step, and one for the time after the last."""

    def __init__(self, policy: Policy, situation: Situation) -> None:
        # What servers answer takes no time here, and is taken as right.
        steps = [step for step in policy.rollout.steps if step.schema_check is None]
        rollout, analysis = policy.rollout.model_copy(update={"steps": steps}), policy.analysis
        self.policy, self.situation, self.analysis = policy, situation, analysis
        scrapes = [[0.0, situation.scrape_seconds]]
        self.cell_seconds = interval_length(float(analysis.interval_seconds), scrapes)
        self.steps = len(rollout.steps)
        indexes = [*range(self.steps), self.steps - 1]
        self.held: Ints = np.array([held_weight(rollout, index) for index in indexes], dtype=np.int64)
        self.ramps: Flags = np.array([ramps(rollout, index) for index in indexes])
        self.kind: Ints = np.array([_kind(rollout.steps[index]) for index in indexes], dtype=np.int64)
        self.seconds: Floats = np.array([_seconds(rollout.steps[index]) for index in indexes])
        self.first, self.last = first_weight(rollout), last_step(rollout)
        self.first_pods = first_size(rollout, situation.replicas)
        budget = float(analysis.statistics.harm_budget_requests)
        self.budget = Budget(budget, self.cell_seconds, self.first)


def last_step(rollout: Rollout) -> int:
    """Index of the last step with a weight.

    Raises
    ------
    ValueError
        If no step has one.
    """
    last = last_weight_step(rollout)
    if last is None:
        raise ValueError("the plan gives the candidate no traffic; add a step of kind weight or ramp")
    return last


def _kind(step: Step) -> StepKind:
    if step.weight is not None:
        return StepKind.Weight
    return StepKind.Ramp if step.ramp is not None else StepKind.Pause


def _seconds(step: Step) -> float:
    if step.weight is not None:
        return float(step.weight.seconds)
    return float(step.pause.seconds or 0) if step.pause is not None else 0.0
