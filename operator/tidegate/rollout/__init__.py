"""The rollout as a pure function: what was recorded and what is seen go in, what to record next comes out."""

from tidegate.rollout.draft import Event, Plan
from tidegate.rollout.plan import plan
from tidegate.rollout.resource import Resource

__all__ = ["Event", "Plan", "Resource", "plan"]
