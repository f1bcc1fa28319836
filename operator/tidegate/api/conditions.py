"""Conditions, by the conventions of Kubernetes and kstatus."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from tidegate.api.status_types import Condition

READY = "Ready"
AVAILABLE = "Available"
RECONCILING = "Reconciling"
STALLED = "Stalled"
METRICS_AVAILABLE = "MetricsAvailable"
ROUTE_READY = "RouteReady"
CAPACITY_AVAILABLE = "CapacityAvailable"

CONDITION_TYPES = (READY, AVAILABLE, RECONCILING, STALLED, METRICS_AVAILABLE, ROUTE_READY, CAPACITY_AVAILABLE)


def set_condition(
    conditions: Sequence[Condition],
    type: str,
    status: Literal["True", "False", "Unknown"],
    reason: str,
    message: str,
    generation: int,
    now: datetime,
) -> list[Condition]:
    """Return `conditions` with one of them set, each in its place.

    `last_transition_time` (whole seconds) moves only when `status` changes; the same answer given twice is equal.
    """
    before = next((condition for condition in conditions if condition.type == type), None)
    since = before.last_transition_time if before and before.status == status else now.replace(microsecond=0)
    after = Condition(
        type=type,
        status=status,
        reason=reason,
        message=message,
        last_transition_time=since,
        observed_generation=generation,
    )
    if before is None:
        return [*conditions, after]
    return [after if condition is before else condition for condition in conditions]
