"""What happens next, and when."""

from datetime import UTC, datetime, timedelta

from tidegate.api.status import RolloutStatus
from tidegate.cli.text import clock
from tidegate.cli.view import condition, weight
from tidegate.judge.text import duration
from tidegate.rollout.measuring import judged_now, next_due
from tidegate.rollout.resource import Resource
from tidegate.rollout.steps import last_weight_step, step_name
from tidegate.rollout.traffic import request_seconds

PROMOTED = "All weights are behind it: it is promoted once nothing is missing"


def what_follows(resource: Resource, now: datetime, otherwise: str) -> str:
    """The next thing that happens by itself; `otherwise` is what the reason alone says."""
    status, ready = resource.status, condition(resource.status)
    if ready.status == "True":
        return _kept(resource) or "nothing, until the spec changes"
    told = [otherwise]
    rollout = status.rollout
    if rollout is not None and ready.reason != "Suspended":
        told += _PHASES[rollout.phase](resource, rollout, now)
    return ". ".join(sentence[0].upper() + sentence[1:] for sentence in told if sentence)


def _kept(resource: Resource) -> str:
    status = resource.status
    if status.previous is None or status.keep_previous_until is None:
        return ""
    watched = "" if status.after_promotion is None else "; until then your limit and queries are watched"
    return f"{status.previous} is removed at {clock(status.keep_previous_until)}{watched}"


def _loading(resource: Resource, rollout: RolloutStatus, now: datetime) -> list[str]:
    limit = f"A server that is not ready {duration(rollout.plan.load_seconds)} after its start is taken back"
    return [limit, f"Then {step_name(rollout.plan, 0)}"]


def _stepping(resource: Resource, rollout: RolloutStatus, now: datetime) -> list[str]:
    if rollout.paused:
        return [_pause_end(rollout)]
    rises = "The weight rises after intervals that speak for the candidate"
    goes_on = [] if rollout.hold is not None else [rises if rollout.step < len(rollout.plan.steps) else PROMOTED]
    return [_next_look(resource, now), *goes_on, _after_the_step(rollout), _promotion(rollout), _deadline(rollout)]


def _pause_end(rollout: RolloutStatus) -> str:
    if rollout.inconclusive:
        return f"Once resumed, it is judged for another {duration(rollout.plan.analysis.max_seconds)}"
    if rollout.paused_by is not None or rollout.step >= len(rollout.plan.steps):
        return f"Once resumed, it goes on with {step_name(rollout.plan, rollout.step)}"
    following, pause = step_name(rollout.plan, rollout.step + 1), rollout.plan.steps[rollout.step].pause
    if pause is None or pause.seconds is None:
        return f"Once resumed, it goes on with {following}"
    ends = rollout.step_since + timedelta(seconds=pause.seconds)
    return f"This pause ends by itself at {clock(ends)}, with {following}"


def _next_look(resource: Resource, now: datetime) -> str:
    judged = judged_now(resource.status, now)
    if judged is None:
        return "The gateway has yet to take up the weight"
    due = datetime.fromtimestamp(next_due(*judged, resource.spec.traffic.timeout_seconds), UTC)
    return f"The next interval is counted at {clock(max(due, now))}"


def _after_the_step(rollout: RolloutStatus) -> str:
    if rollout.step >= len(rollout.plan.steps):
        return ""
    return f"After this step comes {step_name(rollout.plan, rollout.step + 1)}"


def _promotion(rollout: RolloutStatus) -> str:
    if last_weight_step(rollout.plan) is None:
        return "The plan has no weight, so it is promoted without evidence after the last step"
    return f"It is {rollout.promotion.message}" if rollout.promotion is not None else ""


def _deadline(rollout: RolloutStatus) -> str:
    analysis = rollout.plan.analysis
    left = analysis.max_seconds - rollout.judged_milliseconds / 1000
    then = {"Pause": "a person is asked", "Promote": "it is promoted", "Rollback": "it is taken back"}
    return f"Without a verdict in {duration(max(0.0, left))} more of judged time {then[analysis.on_inconclusive]}"


def _promoting(resource: Resource, rollout: RolloutStatus, now: datetime) -> list[str]:
    keep = rollout.plan.keep_previous_seconds
    kept = f"{resource.status.stable} is then kept warm for {duration(keep)}" if keep and not rollout.undoes else ""
    return [kept]


def _withdrawing(resource: Resource, rollout: RolloutStatus, now: datetime) -> list[str]:
    if weight(resource.status, rollout.revision) > 0:
        return []
    seconds = request_seconds(resource.spec).total_seconds()
    return [f"Its pods go once no request can be under way, {duration(seconds)} after its weight is 0 in force"]


_PHASES = {"Loading": _loading, "Stepping": _stepping, "Promoting": _promoting, "Withdrawing": _withdrawing}
