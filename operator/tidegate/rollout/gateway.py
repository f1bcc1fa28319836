"""A gateway whose requests cannot be counted: no weight rises there by itself, and people are told."""

from tidegate.api.status import Hold, RolloutStatus
from tidegate.rollout.draft import Draft
from tidegate.rollout.steps import last_weight_step

NOT_SUPPORTED = "GatewayNotSupported"


def why_not_judged(draft: Draft) -> str:
    """Why no candidate can be judged behind this gateway; empty where one can, or where its plan has none judged."""
    rollout = draft.status.rollout
    plan = draft.resource.spec.rollout if rollout is None else rollout.plan
    return "" if last_weight_step(plan) is None else draft.seen.gateway_trouble


def hold_unjudged(draft: Draft, rollout: RolloutStatus) -> None:
    """Hold a candidate that cannot be judged, also one without traffic, which nothing is measured of."""
    trouble, hold = why_not_judged(draft), rollout.hold
    held = hold is not None and hold.reason == NOT_SUPPORTED
    if trouble and (hold is None or held):
        since = hold.since if hold is not None else draft.now
        rollout.hold = Hold(reason=NOT_SUPPORTED, message=trouble, since=since)
        draft.decide("Hold", NOT_SUPPORTED, trouble, rollout.revision)
    elif held and not trouble:
        rollout.hold = None
