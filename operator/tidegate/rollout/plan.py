"""The order of one planning pass, top to bottom."""

from datetime import datetime

from tidegate.rollout.adopt import adopt
from tidegate.rollout.aftercare import look_after
from tidegate.rollout.choose import choose
from tidegate.rollout.draft import Draft, Plan
from tidegate.rollout.judging import judge
from tidegate.rollout.measuring import Measurement
from tidegate.rollout.observation import Observation
from tidegate.rollout.phases.loading import loading
from tidegate.rollout.phases.promoting import promoting, stable_size
from tidegate.rollout.phases.stepping import stepping
from tidegate.rollout.phases.withdrawing import withdrawing
from tidegate.rollout.report import report
from tidegate.rollout.requests import obey_requests
from tidegate.rollout.resource import Resource
from tidegate.rollout.retire import retire
from tidegate.rollout.suspend import observe_suspension
from tidegate.rollout.traffic import observe_route, respect_capacity

_PHASES = {"Loading": loading, "Stepping": stepping, "Promoting": promoting, "Withdrawing": withdrawing}


def plan(resource: Resource, seen: Observation, measured: Measurement | None, now: datetime) -> Plan:
    """Decide what to record next.

    Pure: the same arguments give the same plan, and nothing is done here. Whoever calls records `Plan.status` first,
    then makes the cluster match it (`tidegate.manifests.children`).

    Parameters
    ----------
    measured
        What the metrics said since the last counted interval; None where none was due.
    now
        Wall-clock time, used for waits that are not judgement (settling, draining, keeping previous).
    """
    draft = Draft(resource, seen, now)
    adopt(draft)
    observe_suspension(draft)
    observe_route(draft)
    obey_requests(draft)
    choose(draft)
    respect_capacity(draft)
    judge(draft, measured)
    if draft.status.rollout is not None:
        _PHASES[draft.status.rollout.phase](draft)
    look_after(draft, measured)
    retire(draft)
    _size_stable(draft)
    report(draft)
    return draft.finish()


def _size_stable(draft: Draft) -> None:
    first_or_stable = draft.revision_status(draft.status.stable or draft.status.candidate)
    if first_or_stable is not None:
        first_or_stable.replicas = stable_size(draft)
