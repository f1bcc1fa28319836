"""The watch over a promoted revision while previous is kept: the user's own queries and limit, nothing else.

Nothing runs beside it any more that it could be compared with, so this stands outside the promise about false alarms.
"""

from tidegate.api.status import AfterPromotion, RolloutStatus
from tidegate.judge.counts import CellCounts, Uncountable
from tidegate.judge.grid import Cell
from tidegate.judge.metric import Interval
from tidegate.judge.rules import Metric
from tidegate.judge.state import count_interval, count_queries, skip_interval
from tidegate.judge.verdict import Case, Verdict, alone
from tidegate.rollout.back import undo
from tidegate.rollout.draft import Draft
from tidegate.rollout.judging import record, restore, wake_for_next_cell
from tidegate.rollout.latency import why_not_warm
from tidegate.rollout.measuring import Measurement, judged_now, note_cells, rules_of


def begin_watch(draft: Draft, rollout: RolloutStatus) -> None:
    """Watch over what `rollout` has just promoted; what a person promoted is only told of, never taken back."""
    if rollout.plan.keep_previous_seconds == 0:
        return
    obeyed = rollout.plan.after_promotion == "Undo" and rollout.promoted_by is None
    draft.status.after_promotion = AfterPromotion(revision=rollout.revision, plan=rollout.plan, obeyed=obeyed)


def look_after(draft: Draft, measured: Measurement | None) -> None:
    """Take in what was measured of the promoted revision; take it back, or tell, where it does not keep its limits."""
    status = draft.status
    watch = status.after_promotion
    if watch is None:
        return
    if status.rollout is not None or status.previous is None or status.stable != watch.revision:
        status.after_promotion = None
        return
    found = judged_now(status, draft.now)
    if found is None:
        return
    if measured is not None:
        _act_on(draft, watch, _take_in(draft, watch, measured, found[1]))
    if status.after_promotion is not None:
        wake_for_next_cell(draft, watch, measured, found[1])


def _take_in(draft: Draft, watch: AfterPromotion, measured: Measurement, since: float) -> Verdict | None:
    rules = rules_of(watch.plan.analysis)
    evidence, broken = restore(watch, rules, measured, since), None
    note_cells(watch, measured)
    for cell, counts in measured.cells:
        if isinstance(counts, Uncountable):
            evidence = skip_interval(evidence, cell)
            continue
        others = _latency(draft, watch, cell, counts)
        evidence = count_interval(evidence, cell, counts.strata, rules, for_promotion=False, others=others)
        broken = broken or alone(Case(evidence=evidence, rules=rules, weight=1.0))
    evidence = count_queries(evidence, measured.queries) if measured.queries else evidence
    record(watch, evidence)
    return broken or alone(Case(evidence=evidence, rules=rules, weight=1.0, queries=measured.queries))


def _latency(draft: Draft, watch: AfterPromotion, cell: Cell, counts: CellCounts) -> dict[Metric, Interval]:
    """Held against the limit alone, while none of its pods is warming up."""
    if why_not_warm(draft, (watch.revision,), cell, watch.plan.analysis.statistics.warmup_seconds):
        return {}
    return {Metric.Latency: Interval(counts.of(Metric.Latency), alike=False)}


def _act_on(draft: Draft, watch: AfterPromotion, broken: Verdict | None) -> None:
    if broken is None or draft.suspended:
        return
    previous = draft.status.previous
    assert previous is not None
    if watch.obeyed and draft.ready(previous) > 0 and draft.rejection(previous) is None:
        draft.status.after_promotion = None
        undo(draft, broken.reason, broken.message)
    elif not watch.told:
        watch.told = f"{broken.reason}: {broken.message}"
        draft.tell("LimitBroken", f"{watch.revision}, promoted, does not keep its limits: {watch.told}", warning=True)
