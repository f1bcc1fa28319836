"""The judge inside a rollout: what was measured becomes recorded evidence, clocks and a verdict."""

import math
from dataclasses import replace
from datetime import UTC, datetime

from tidegate.api.status import Hold, RolloutStatus
from tidegate.judge.counts import CellCounts, Uncountable
from tidegate.judge.grid import Cell
from tidegate.judge.metric import Interval
from tidegate.judge.pace import Pace, Traffic
from tidegate.judge.rules import Metric, Rules
from tidegate.judge.state import Evidence, begin, change_weight, count_interval, count_queries, skip_interval
from tidegate.judge.strata import Stratum, pooled
from tidegate.judge.verdict import Case, Kind, Verdict, why_not_rise
from tidegate.judge.verdict import judge as judge_case
from tidegate.rollout.capacity import ENTRY, WHOLE
from tidegate.rollout.draft import Draft
from tidegate.rollout.latency import latency_of, observe_conditions
from tidegate.rollout.measuring import Judged, Measurement, cell_seconds, judged_now, next_due, note_cells, rules_of
from tidegate.rollout.pacing import pace_of, take_in
from tidegate.rollout.proof import choose_promotion, no_harm_terms
from tidegate.rollout.steps import held_weight, last_weight_step
from tidegate.rollout.steps.base import Progress
from tidegate.rollout.traffic import allowed_weight, candidate_weight, in_force, lacks_room

RETRY_SECONDS = 1.0
SHARE_TOLERANCE = 0.25
SHARE_SIGMAS = 3.29
"""Two-sided 99.9 % of a normal distribution."""
SHARE_LEAST_EXPECTED = 10.0
NO_HISTOGRAM = "the proxies show no histogram of response times with an edge at the bound or above it"


def judge(draft: Draft, measured: Measurement | None) -> None:
    """Take in what was measured, and ask to be called when the next cell is over."""
    found, rollout = judged_now(draft.status, draft.now), draft.status.rollout
    if found is None or rollout is None:
        return
    observe_conditions(draft, rollout)
    if measured is not None:
        _take_in(draft, rollout, measured, found[1])
    wake_for_next_cell(draft, rollout, measured, found[1])


def wake_for_next_cell(draft: Draft, judged: Judged, measured: Measurement | None, since: float) -> None:
    """Ask to be called when the next cell is over, or after a cell's time where nothing could be measured."""
    due = next_due(judged, since, draft.resource.spec.traffic.timeout_seconds)
    retry = cell_seconds(judged) if measured is not None and measured.trouble is not None else RETRY_SECONDS
    draft.wake_in(max(due - draft.now.timestamp(), retry))


def _take_in(draft: Draft, rollout: RolloutStatus, measured: Measurement, since: float) -> None:
    rules, first = rules_of(rollout.plan.analysis), rollout.cell_milliseconds is None
    evidence = restore(rollout, rules, measured, since)
    note_cells(rollout, measured)
    rollout.rise_from_milliseconds = measured.rise_from
    if first:
        before = Traffic.before(measured.history.get(Metric.Errors, ()), measured.cell_seconds)
        rollout.pace = Pace.at(candidate_weight(draft), before).to_status()
    uncounted = measured.trouble
    rollout.metrics_problem = _problems(measured)
    for cell, counts in measured.cells:
        if isinstance(counts, Uncountable):
            uncounted, evidence = counts, skip_interval(evidence, cell)
            continue
        last, others = at_last_weight(draft), _others(draft, rollout, cell, counts)
        evidence = count_interval(evidence, cell, counts.strata, rules, for_promotion=last, others=others)
        uncounted = None
        case = _case(draft, evidence, rules, uncounted, measured)
        _run_clocks(draft, rollout, case, pooled(counts.strata), cell)
        _set_pace(draft, rollout, case, pooled(counts.strata), cell)
        if last:
            choose_promotion(draft, rollout, evidence, rules)
    evidence = count_queries(evidence, measured.queries) if measured.queries else evidence
    record(rollout, evidence)
    if measured.cells or uncounted is not None:
        _conclude(draft, rollout, _case(draft, evidence, rules, uncounted, measured))


def _others(draft: Draft, rollout: RolloutStatus, cell: Cell, counts: CellCounts) -> dict[Metric, Interval]:
    """What the cell says besides errors; what is not judged is left aside by the evidence."""
    others = {Metric.ClientErrors: Interval(counts.of(Metric.ClientErrors))}
    in_effect = not why_not_in_effect(pooled(counts.strata), candidate_weight(draft) / WHOLE)
    if rollout.plan.analysis.latency is not None:
        latency = latency_of(draft, rollout, cell, counts, in_effect)
        others |= {} if latency is None else {Metric.Latency: latency}
    return others


def _problems(measured: Measurement) -> str:
    """Every problem of a single proxy in the latest cell that was counted."""
    counted = [counts for _, counts in measured.cells if isinstance(counts, CellCounts)]
    return (
        "; ".join(f"{found.kind}: {found.proxy}: {found.message}" for found in counted[-1].problems) if counted else ""
    )


def restore(judged: Judged, rules: Rules, measured: Measurement, since: float) -> Evidence:
    """The evidence as recorded, ready for what was counted at the present weight; new at the first measurement."""
    known = Evidence.from_status(judged.evidence) if judged.evidence else None
    if known is None or judged.cell_milliseconds is None:
        # What the user's own queries said counts even while the proxies cannot be asked.
        failures = known.query_failures if known is not None else {}
        told = replace(rules, client_errors=rules.client_errors and Metric.ClientErrors in measured.metrics)
        begun = begin(told, since, measured.history)
        return replace(begun, latency_edge=measured.latency_edge, query_failures=failures)
    evidence = replace(known, latency_edge=measured.latency_edge or known.latency_edge)
    return change_weight(evidence, since) if evidence.judged_until < since else evidence


def record(judged: Judged, evidence: Evidence) -> None:
    """Write down the evidence, and up to when requests were judged."""
    judged.evidence = evidence.to_status()
    judged.judged_until = datetime.fromtimestamp(evidence.judged_until, UTC)


def _case(draft: Draft, evidence: Evidence, rules: Rules, uncounted: Uncountable | None, measured: Measurement) -> Case:
    rollout = draft.status.rollout
    assert rollout is not None
    bake_left = rollout.plan.analysis.bake_seconds - rollout.bake_judged_milliseconds / 1000
    return Case(
        evidence=evidence,
        rules=rules,
        weight=candidate_weight(draft) / WHOLE,
        uncounted=uncounted,
        queries=measured.queries,
        at_last_weight=at_last_weight(draft),
        bake_seconds_left=bake_left,
        rate=pace_of(rollout, candidate_weight(draft)).traffic.mean,
        no_harm=no_harm_terms(rollout),
        in_flight=_in_flight(measured),
        latency_note=rollout.latency_note or ("" if evidence.latency_edge else NO_HISTOGRAM),
    )


def _in_flight(measured: Measurement) -> bool:
    """Whether requests were under way to the candidate when it was last counted."""
    counted = [counts for _, counts in measured.cells if isinstance(counts, CellCounts)]
    return bool(counted) and counted[-1].in_flight


def _run_clocks(draft: Draft, rollout: RolloutStatus, case: Case, requests: Stratum, cell: Cell) -> None:
    """Judged time runs only in effect, not held, and while the route has requests."""
    rollout.share_message = why_not_in_effect(requests, case.weight)
    if requests.finished == 0 or rollout.share_message or case.weight * WHOLE <= ENTRY:
        return
    if why_not_rise(case) is not None or draft.kept_still:
        return
    milliseconds = round(cell.length * 1000)
    if not rollout.paused:
        # The deadline of judgement must not run out while everybody waits for a person.
        rollout.judged_milliseconds += milliseconds
    if at_weight_of(draft, rollout.step):
        rollout.step_judged_milliseconds += milliseconds
    if case.at_last_weight:
        rollout.bake_judged_milliseconds += milliseconds
        rollout.bake_requests += requests.candidate.finished


def _set_pace(draft: Draft, rollout: RolloutStatus, case: Case, requests: Stratum, cell: Cell) -> None:
    """Raise or lower what the candidate may have: a rise needs what the clocks need, a weight that was judged."""
    hold = why_not_rise(case)
    stays = draft.kept_still or time_is_up(rollout) or bool(rollout.share_message)
    take_in(
        rollout,
        case.evidence.total,
        requests,
        cell.seconds,
        weight=candidate_weight(draft),
        may_rise=hold is None and not stays and requests.finished > 0,
        retreats=hold is not None and hold.retreat,
        suspicion=math.exp(case.evidence.log_suspicion),
    )


def time_is_up(rollout: RolloutStatus) -> bool:
    """It was judged for as long as it may be without a verdict."""
    return rollout.judged_milliseconds >= rollout.plan.analysis.max_seconds * 1000


def _conclude(draft: Draft, rollout: RolloutStatus, case: Case) -> None:
    hold = why_not_rise(case)
    if hold is not None and hold.kind is Kind.Rollback:
        hold = None
    rollout.hold = _recorded(hold, rollout.hold, draft.now) if hold is not None else None
    # Another hold, such as metrics that are out of reach, does not end a retreat: nothing rises on it.
    rollout.retreated = hold is not None and (hold.retreat or rollout.retreated)
    draft.verdict = judge_case(case)
    if not rollout.inconclusive:
        rollout.message = draft.verdict.message
    if hold is not None and rollout.phase == "Stepping":
        draft.decide("Hold", hold.reason, hold.message, rollout.revision)


def _recorded(hold: Verdict, before: Hold | None, now: datetime) -> Hold:
    since = before.since if before is not None and before.reason == hold.reason else None
    return Hold(reason=hold.reason, message=hold.message, since=since or now)


def outcome(draft: Draft) -> Verdict | None:
    """This pass's verdict, where something was measured."""
    return draft.verdict


def gate(draft: Draft) -> Progress | None:
    """What speaks against going on to the next step, common to all steps; None if nothing does."""
    rollout = draft.status.rollout
    assert rollout is not None
    if rollout.hold is not None:
        return Progress(False, rollout.hold.reason, rollout.hold.message)
    if rollout.share_message:
        return Progress(False, "NotInEffect", rollout.share_message)
    return None


def at_last_weight(draft: Draft) -> bool:
    """The candidate has the plan's last weight, in force: what counts for promotion is gathered only here."""
    rollout = draft.status.rollout
    assert rollout is not None
    last = last_weight_step(rollout.plan)
    return last is not None and rollout.step >= last and at_weight_of(draft, last)


def at_weight_of(draft: Draft, step: int) -> bool:
    """The weight of step number `step` is in force, or as much of it as the candidate's pods carry for want of room.

    A weight that the pace keeps lower is not the step's.
    """
    rollout = draft.status.rollout
    assert rollout is not None
    if rollout.retreated or rollout.phase != "Stepping" or not in_force(draft):
        return False
    present, wanted = candidate_weight(draft), held_weight(rollout.plan, step)
    return present == wanted or (lacks_room(draft) and present == min(wanted, allowed_weight(draft)))


def why_not_in_effect(requests: Stratum, weight: float) -> str:
    """Say so where the share measured over an interval is not the share written in the route; empty where it is."""
    total, found = requests.finished, requests.candidate.finished
    expected = weight * total
    if expected < SHARE_LEAST_EXPECTED:
        return ""
    band = max(SHARE_SIGMAS * math.sqrt(total * weight * (1.0 - weight)), SHARE_TOLERANCE * expected)
    if abs(found - expected) <= band:
        return ""
    return (
        f"the candidate finished {found:,} of {total:,} requests, {expected:,.0f} were expected at its weight: "
        "does all traffic pass the route?"
    )
