"""When the latency of candidate and stable may be compared: as many pods, equal hardware and load, nobody warming up.

Identical models at unequal load differ in latency for no fault of theirs, and so they do at equal load a pod where one
has fewer pods: a request finds a free one less often. Where conditions are not equal, latency is
judged by the user's limit alone.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from tidegate.api.status import RolloutStatus
from tidegate.judge.counts import CellCounts
from tidegate.judge.grid import Cell
from tidegate.judge.metric import Interval
from tidegate.judge.rules import Metric
from tidegate.rollout.capacity import WHOLE
from tidegate.rollout.draft import Draft
from tidegate.rollout.traffic import candidate_weight

LOAD_TOLERANCE = 1.2
"""Largest ratio of the loads of two pods that counts as equal."""
HARDWARE = ("nodeSelector", "affinity", "tolerations", "runtimeClassName", "resourceClaims")
NOT_COMPARED = "not compared with stable"


def observe_conditions(draft: Draft, rollout: RolloutStatus) -> None:
    """Record since when both revisions have been seen to run under equal conditions; forget it where they do not."""
    if rollout.plan.analysis.latency is None:
        return
    if why_not_alike(draft):
        rollout.alike_since = None
    elif rollout.alike_since is None:
        rollout.alike_since = draft.now


def why_not_alike(draft: Draft) -> str:
    """What differs between the conditions of candidate and stable now; empty where nothing does."""
    candidate, stable = draft.ready(draft.status.candidate), draft.ready(draft.status.stable)
    if candidate != stable or stable == 0:
        return f"{NOT_COMPARED}: it has {_pods(candidate)} ready beside {stable} of stable; as many of each tell"
    weight = candidate_weight(draft) / WHOLE
    loads = weight / candidate, (1.0 - weight) / stable
    if max(loads) > LOAD_TOLERANCE * min(loads):
        shares = f"{100 * loads[0]:.1f} % of the requests, one of stable {100 * loads[1]:.1f} %"
        return f"{NOT_COMPARED}: a pod of the candidate gets {shares}; within 20 % of each other they tell"
    if _hardware(draft, draft.status.candidate) != _hardware(draft, draft.status.stable):
        return f"{NOT_COMPARED}: the revisions ask for different resources or nodes"
    return ""


def latency_of(
    draft: Draft, rollout: RolloutStatus, cell: Cell, counts: CellCounts, in_effect: bool
) -> Interval | None:
    """What a cell says of latency; None where a pod was warming up. The status gets a note of why it says less.

    Parameters
    ----------
    in_effect
        The share of the requests was that of the weight: otherwise the load a pod had is not known.
    """
    revisions = (draft.status.candidate, draft.status.stable)
    cold = why_not_warm(draft, revisions, cell, rollout.plan.analysis.statistics.warmup_seconds)
    rollout.latency_note = cold or why_not_alike(draft)
    if cold:
        return None
    since = rollout.alike_since
    alike = since is not None and since.timestamp() <= cell.start and in_effect
    return Interval(counts.of(Metric.Latency), alike)


def why_not_warm(draft: Draft, revisions: tuple[str | None, ...], cell: Cell, warmup_seconds: int) -> str:
    """Which pods were too young in a cell for their latency to be judged; empty for none."""
    for revision in revisions:
        known = [pod.ready_since for pod in draft.seen.pods_of(revision or "") if pod.ready and pod.ready_since]
        if len(known) < draft.ready(revision):
            return f"not counted: since when the pods of {revision} are ready is not known"
        warm = max(known, default=draft.now) + timedelta(seconds=warmup_seconds)
        if draft.ready(revision) > 0 and warm.timestamp() > cell.start:
            return f"not counted while pods of {revision} warm up, until {_time(warm)}"
    return ""


def _hardware(draft: Draft, revision: str | None) -> Mapping[str, Any]:
    found = draft.seen.controller_revisions.get(revision or "", {})
    pod: Mapping[str, Any] = found.get("data", {}).get("template", {}).get("spec", {})
    resources = [container.get("resources") for container in pod.get("containers", [])]
    return {"resources": resources, **{key: pod.get(key) for key in HARDWARE}}


def _pods(count: int) -> str:
    return f"{count} pod" if count == 1 else f"{count} pods"


def _time(moment: datetime) -> str:
    return f"{moment:%H:%M:%S} UTC"
