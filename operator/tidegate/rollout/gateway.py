"""A gateway whose requests cannot be counted: no weight rises there by itself, and people are told."""

from tidegate.api.status import RolloutStatus
from tidegate.rollout.draft import Draft
from tidegate.rollout.holding import hold_while
from tidegate.rollout.steps import last_weight_step

NOT_SUPPORTED = "GatewayNotSupported"


def why_not_judged(draft: Draft) -> str:
    """Why no candidate can be judged behind this gateway; empty where one can, or where its plan has none judged."""
    rollout = draft.status.rollout
    plan = draft.resource.spec.rollout if rollout is None else rollout.plan
    return "" if last_weight_step(plan) is None else draft.seen.gateway_trouble


def hold_unjudged(draft: Draft, rollout: RolloutStatus) -> None:
    """Hold a candidate that cannot be judged, also one without traffic, which nothing is measured of."""
    hold_while(draft, rollout, NOT_SUPPORTED, why_not_judged(draft))
