"""Phase Stepping: one step after the other, each weight judged before the next."""

from datetime import UTC, datetime

from tidegate.judge.verdict import Kind
from tidegate.rollout.capacity import ENTRY, candidate_size
from tidegate.rollout.draft import Draft
from tidegate.rollout.gateway import hold_unjudged, why_not_judged
from tidegate.rollout.judging import gate, outcome, time_is_up
from tidegate.rollout.pacing import first_paced_weight, paced
from tidegate.rollout.phases.loading import failed
from tidegate.rollout.phases.promoting import promote
from tidegate.rollout.phases.withdrawing import withdraw
from tidegate.rollout.steps import held_weight, last_weight_step, progress, ramps
from tidegate.rollout.steps.base import Progress
from tidegate.rollout.steps.pause import resume_request
from tidegate.rollout.traffic import allowed_weight, candidate_weight, lacks_room, move_towards, percent


def stepping(draft: Draft) -> None:
    """Carry out the verdict where there is one; else hold this step's weight and go on once nothing is missing."""
    rollout = draft.status.rollout
    assert rollout is not None
    if failed(draft):
        return
    verdict = outcome(draft)
    if verdict is not None and verdict.kind is Kind.Rollback:
        withdraw(draft, verdict.reason, verdict.message, reject=True)
        return
    hold_unjudged(draft, rollout)
    there = _hold_weight(draft)
    if rollout.inconclusive:
        return
    if draft.kept_still:
        _tell_pause(draft)
        return
    if rollout.step < len(rollout.plan.steps):
        _finish_step(draft, there)
    elif last_weight_step(rollout.plan) is None:
        promote(draft, "WithoutLiveEvidence", "the plan gives the candidate no traffic: its steps are all there is")
    elif verdict is not None and verdict.kind is Kind.Promote:
        promote(draft, verdict.reason, verdict.message)
    if rollout.phase == "Stepping" and time_is_up(rollout):
        _inconclusive(draft)


def _tell_pause(draft: Draft) -> None:
    rollout = draft.status.rollout
    assert rollout is not None
    if rollout.paused_by is not None:
        rollout.paused = True
        rollout.message = f"paused by request {rollout.paused_by} until {resume_request(rollout.revision)}"


def _hold_weight(draft: Draft) -> bool:
    """Size the candidate for the step's weight and move towards it; True once it is in force."""
    rollout = draft.status.rollout
    assert rollout is not None
    wanted, stable_pods = _wanted_weight(draft), draft.resource.spec.replicas
    allowed_by_pace = paced(rollout, wanted, present=candidate_weight(draft))
    asked_for = allowed_by_pace if ramps(rollout.plan, rollout.step) else wanted
    entry = draft.revision_status(rollout.revision)
    if entry is not None:
        entry.replicas = max(entry.replicas, candidate_size(asked_for, stable_pods))
    if draft.ready(draft.status.stable) == 0:
        return False
    target = min(allowed_by_pace, allowed_weight(draft))
    if target > candidate_weight(draft) and (
        _pods_are_coming(draft, candidate_size(allowed_by_pace, stable_pods)) or _scrape_is_far(draft)
    ):
        return False
    return move_towards(draft, target)


def _wanted_weight(draft: Draft) -> int:
    """This step's weight; while something holds, no more than there is, or than the first one, which needs no proof."""
    rollout = draft.status.rollout
    assert rollout is not None
    present = candidate_weight(draft)
    wanted, first = held_weight(rollout.plan, rollout.step), first_paced_weight(rollout, present=present)
    if draft.kept_still or why_not_judged(draft):
        wanted = min(wanted, present)
    if rollout.retreated:
        return min(wanted, first)
    return wanted if rollout.hold is None else min(wanted, max(present, first))


def _pods_are_coming(draft: Draft, needed: int) -> bool:
    """Fewer pods are ready than the weight needs, and those missing do have room: one rise then, not two."""
    rollout = draft.status.rollout
    assert rollout is not None
    return draft.ready(rollout.revision) < needed and not lacks_room(draft)


def _scrape_is_far(draft: Draft) -> bool:
    """Nothing counts at a weight before the first scrape that finds it in force: it need not be there long before."""
    rollout = draft.status.rollout
    assert rollout is not None
    if rollout.rise_from_milliseconds is None:
        return False
    rise_from = datetime.fromtimestamp(rollout.rise_from_milliseconds / 1000, UTC)
    if rise_from > draft.now:
        draft.wake_at(rise_from)
    return rise_from > draft.now


def _finish_step(draft: Draft, in_force: bool) -> None:
    rollout = draft.status.rollout
    assert rollout is not None
    step = progress(draft, rollout.plan.steps[rollout.step])
    if step.rejects:
        withdraw(draft, step.reason, step.message, reject=True)
        return
    rollout.paused = step.reason == "Paused"
    missing = gate(draft) or (None if step.done else _kept_low(draft) or step)
    if missing is not None:
        rollout.message = missing.message
        return
    if not in_force:
        rollout.message = "the gateway has yet to take up this step's weight"
        return
    rollout.step += 1
    rollout.step_since, rollout.step_judged_milliseconds = draft.now, 0
    rollout.resumed, rollout.message = False, ""
    draft.wake_at(draft.now)


def _kept_low(draft: Draft) -> Progress | None:
    """The pace, not room, keeps the weight under the step's."""
    rollout = draft.status.rollout
    assert rollout is not None
    present, wanted = candidate_weight(draft), held_weight(rollout.plan, rollout.step)
    if paced(rollout, wanted, present=present) == wanted or rollout.paused:
        return None
    budget = f"{rollout.plan.analysis.statistics.harm_budget_requests:,} requests"
    if present <= ENTRY:
        return Progress(False, "Paced", f"a harm budget of {budget} sets the weight once the route's traffic is known")
    allowed = f"{percent(present)} of the {percent(wanted)} planned"
    return Progress(False, "Paced", f"a harm budget of {budget} allows {allowed}; more once judged")


def _inconclusive(draft: Draft) -> None:
    rollout = draft.status.rollout
    assert rollout is not None
    analysis = rollout.plan.analysis
    found = f"no verdict after {analysis.max_seconds:,} s of judged time: {rollout.message}"
    if analysis.on_inconclusive == "Promote":
        promote(draft, "Inconclusive", f"{found}; promoted without proof, as onInconclusive says")
    elif analysis.on_inconclusive == "Rollback":
        withdraw(draft, "Inconclusive", f"{found}; taken back, as onInconclusive says", reject=True)
    else:
        rollout.inconclusive, rollout.paused = True, True
        rollout.message = f"{found}. Annotate promote or abort to decide, or resume to judge as long again"
        draft.decide("Hold", "Inconclusive", rollout.message, rollout.revision)
        draft.tell("Inconclusive", rollout.message, warning=True)
