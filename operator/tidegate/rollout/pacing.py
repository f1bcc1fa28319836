"""The harm budget inside a rollout: no weight above what was judged so far allows."""

from tidegate.api.status import RolloutStatus
from tidegate.judge.pace import Budget, Pace, Traffic
from tidegate.judge.strata import Stratum
from tidegate.rollout.capacity import ENTRY
from tidegate.rollout.measuring import cell_seconds
from tidegate.rollout.steps import first_weight


def pace_of(rollout: RolloutStatus, present: int) -> Pace:
    """The pace as recorded.

    Before the first measurement the candidate may only enter the route, or keep the weight `present` (parts per
    million) that a version without a pace gave it.
    """
    return Pace.from_status(rollout.pace) if rollout.pace else Pace.at(present, Traffic())


def budget_of(rollout: RolloutStatus) -> Budget:
    """The harm budget of a rollout."""
    requests = rollout.plan.analysis.statistics.harm_budget_requests
    return Budget(float(requests), cell_seconds(rollout), first_weight(rollout.plan) or ENTRY)


def take_in(
    rollout: RolloutStatus,
    seen: Stratum,
    requests: Stratum,
    seconds: float,
    *,
    weight: int,
    may_rise: bool,
    retreats: bool,
    suspicion: float,
) -> None:
    """Record what may follow an interval that was counted at `weight` (parts per million).

    Parameters
    ----------
    seen
        Requests of the whole rollout, the interval included.
    requests, seconds
        Those of the interval, and its length.
    suspicion
        Evidence of harm, at least 1.
    """
    before = pace_of(rollout, weight)
    traffic = before.traffic.followed_by(requests.finished, seconds)
    known = Pace(before.weight, before.first, before.held, traffic)
    after = known.counted(budget_of(rollout), seen, weight, may_rise=may_rise, retreats=retreats, suspicion=suspicion)
    rollout.pace = after.to_status()


def paced(rollout: RolloutStatus, wanted: int, *, present: int) -> int:
    """As much of the weight `wanted` as the pace allows, parts per million: the entry weight at least."""
    return min(wanted, max(ENTRY, pace_of(rollout, present).weight))


def first_paced_weight(rollout: RolloutStatus, *, present: int) -> int:
    """The weight that needs no evidence, parts per million: the plan's first, as far as the pace allowed it then."""
    return min(first_weight(rollout.plan), max(ENTRY, pace_of(rollout, present).first))
