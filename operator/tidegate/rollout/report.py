"""Conditions by kstatus, and the short fields people read in `kubectl get`.

Each condition is the first answer of an ordered list of small functions, so that the list reads like the documentation
of docs/conditions.md.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Literal, NamedTuple

from tidegate.api.conditions import set_condition
from tidegate.api.names import LABEL_MODELDEPLOYMENT, annotation
from tidegate.api.status import Address, RolloutStatus
from tidegate.rollout.choose import left_over
from tidegate.rollout.draft import Draft
from tidegate.rollout.failures import Trouble
from tidegate.rollout.gateway import NOT_SUPPORTED, why_not_judged
from tidegate.rollout.phases.loading import given_up_at
from tidegate.rollout.phases.withdrawing import traffic_is_away
from tidegate.rollout.steps import step_name
from tidegate.rollout.traffic import candidate_weight, percent

METRICS_REASONS = ("MetricsUnavailable", "NoMetrics")
HELD_AFTER = timedelta(minutes=30)
"""For so long a rollout may be held for one reason before people are told that it is stuck."""


class Answer(NamedTuple):
    """One condition's value."""

    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str


class Why(NamedTuple):
    """Why the resource is not ready: still on its way (Reconciling) or stuck until something changes (Stalled)."""

    kind: Literal["Reconciling", "Stalled"]
    reason: str
    message: str


def report(draft: Draft) -> None:
    """Write conditions, replicas and display fields into the status."""
    why = next((found for look in _WHY if (found := look(draft)) is not None), None)
    _condition(draft, "Ready", _ready(draft, why))
    for kind in ("Reconciling", "Stalled"):
        applies = why is not None and why.kind == kind
        _condition(
            draft, kind, Answer("True", why.reason, why.message) if why and applies else Answer("False", "No", "")
        )
    _condition(draft, "Available", _available(draft))
    _condition(draft, "RouteReady", _route_ready(draft))
    _condition(draft, "CapacityAvailable", _capacity(draft))
    _condition(draft, "MetricsAvailable", _metrics(draft))
    _display(draft)
    draft.status.observed_generation = draft.resource.generation


def _condition(draft: Draft, kind: str, answer: Answer) -> None:
    draft.status.conditions = set_condition(
        draft.status.conditions,
        kind,
        answer.status,
        answer.reason,
        answer.message,
        draft.resource.generation,
        draft.now,
    )


def _ready(draft: Draft, why: Why | None) -> Answer:
    if why is not None:
        return Answer("False", why.reason, why.message)
    return Answer("True", "Serving", f"{draft.status.stable} serves all traffic")


def _available(draft: Draft) -> Answer:
    stable = draft.status.stable
    if stable is None:
        return Answer("False", "NoStableRevision", "no revision has become ready yet")
    if draft.ready(stable) == 0:
        return Answer("False", "StableNotReady", f"no pod of {stable} is ready")
    if not draft.seen.route.accepted:
        return Answer("False", draft.seen.route.reason, draft.seen.route.message)
    return Answer("True", "Serving", f"{stable} serves")


def _route_ready(draft: Draft) -> Answer:
    route = draft.seen.route
    if route.accepted:
        return Answer("True", "Accepted", "the gateway has accepted the route")
    return Answer("False", route.reason, route.message)


def _capacity(draft: Draft) -> Answer:
    for revision in (draft.status.candidate, draft.status.stable):
        trouble = draft.trouble(revision, served=True)
        if trouble is not None and trouble.kind == "Capacity":
            return Answer("False", trouble.reason, trouble.message)
    held = draft.status.held
    if held is not None and held.reason == "CapacityTimeout" and held.generation == draft.resource.generation:
        return Answer("False", held.reason, held.message)
    return Answer("True", "Scheduled", "every pod asked for has a node")


def _metrics(draft: Draft) -> Answer:
    rollout = draft.status.rollout
    if draft.seen.gateway_trouble:
        return Answer("False", NOT_SUPPORTED, draft.seen.gateway_trouble)
    if rollout is not None and rollout.hold is not None and rollout.hold.reason in METRICS_REASONS:
        return Answer("False", rollout.hold.reason, rollout.hold.message)
    if rollout is None or rollout.judged_until is None:
        return Answer("Unknown", "NotMeasured", "metrics are asked for while a candidate gets traffic")
    problem = f"; {rollout.metrics_problem}" if rollout.metrics_problem else ""
    return Answer("True", "Measured", f"the proxies' counters are read{problem}")


# ---- why it is not ready, gravest first ------------------------------------------------------------------------------


def _names_taken(draft: Draft) -> Why | None:
    if not draft.seen.names_taken:
        return None
    taken = ", ".join(draft.seen.names_taken)
    return Why(
        "Stalled",
        "NameTaken",
        f"{taken} exists and is not controlled by this ModelDeployment; it is left untouched: "
        "rename it or the ModelDeployment",
    )


def _refused(draft: Draft) -> Why | None:
    if not draft.seen.refused:
        return None
    words = "; ".join(draft.seen.refused.values())
    return Why("Stalled", "WriteRefused", f"{words}; change the spec, or what refuses it; tried again by itself")


def _config_map(draft: Draft) -> Why | None:
    name = draft.seen.missing_config_map
    if not name:
        return None
    return Why("Reconciling", "ConfigMapNotFound", f"spec.model.source.configMap: there is no ConfigMap {name!r} yet")


def _stable_not_ready(draft: Draft) -> Why | None:
    rollout, stable = draft.status.rollout, draft.status.stable
    if rollout is None or stable is None or draft.ready(stable) > 0:
        return None
    otherwise = f"{annotation('promote')}={rollout.revision}/<id> to give {rollout.revision} all traffic"
    message = f"no pod of {stable} is ready: weights stay as they are. Repair {stable}, or annotate {otherwise}"
    return Why("Stalled", "StableNotReady", message)


def _withdrawing(draft: Draft) -> Why | None:
    rollout = draft.status.rollout
    if rollout is None or rollout.withdraw is None:
        return None
    taken_back = rollout.withdraw
    letter = draft.letter_of(rollout.revision)
    quiet = draft.seen.quiet.get(letter, True) if letter else True
    still = "" if quiet else ". A proxy still sends it requests at weight 0: its pods stay until that ends"
    if taken_back.reject and traffic_is_away(draft):
        return Why("Stalled", "RolledBack", f"{rollout.revision}: {taken_back.reason}: {taken_back.message}{still}")
    name = "RollingBack" if taken_back.reject else taken_back.reason
    return Why("Reconciling", name, f"{rollout.revision}: {taken_back.message}{still}")


def _undoing(draft: Draft) -> Why | None:
    rollout = draft.status.rollout
    if rollout is None or rollout.undoes is None:
        return None
    return Why("Reconciling", "Undoing", f"{rollout.revision} comes again: {rollout.undoes.message}")


def _suspended(draft: Draft) -> Why | None:
    if not draft.suspended:
        return None
    rollout, desired = draft.status.rollout, draft.resource.desired
    waits = rollout is not None or (desired != draft.status.stable and not _rejected(draft) and not _held(draft))
    if not waits:
        return None
    where = f"{rollout.revision} stays at {percent(candidate_weight(draft))}" if rollout else f"{desired} has to wait"
    return Why("Reconciling", "Suspended", f"{where} while spec.suspend is true; set it to false to go on")


def _gateway(draft: Draft) -> Why | None:
    rollout, trouble = draft.status.rollout, why_not_judged(draft)
    if not trouble or (rollout is not None and rollout.phase != "Stepping"):
        return None
    if rollout is None:
        return Why("Stalled", NOT_SUPPORTED, f"{trouble}. {draft.status.stable} serves, no candidate would get traffic")
    stays = f"{rollout.revision} stays at {percent(candidate_weight(draft))} until then, or until"
    decided = f"{annotation('promote')} or {annotation('abort')} is annotated"
    return Why("Stalled", NOT_SUPPORTED, f"{trouble}. {stays} {decided}")


def _paused(draft: Draft) -> Why | None:
    rollout = draft.status.rollout
    return Why("Reconciling", "Paused", rollout.message) if rollout is not None and rollout.paused else None


def _held_long(draft: Draft) -> Why | None:
    """Held for a long time, and no clock runs: it still goes on by itself, but somebody should look."""
    rollout = draft.status.rollout
    hold = rollout.hold if rollout is not None and rollout.phase == "Stepping" else None
    if hold is None or hold.since is None:
        return None
    stuck = hold.since + HELD_AFTER
    if stuck > draft.now:
        draft.wake_at(stuck)
        return None
    return Why(
        "Stalled", hold.reason, f"{hold.message}; so since {hold.since:%Y-%m-%d %H:%M} UTC. It goes on by itself"
    )


def _route_trouble(draft: Draft) -> Why | None:
    route = draft.seen.route
    if draft.status.stable is None or route.accepted:
        return None
    return Why("Reconciling", route.reason, route.message)


def _rollout(draft: Draft) -> Why | None:
    rollout = draft.status.rollout
    if rollout is None:
        return None
    trouble = draft.trouble(rollout.revision, served=rollout.phase != "Loading")
    if trouble is not None:
        until = given_up_at(draft, trouble)
        deadline = f"; given up at {until:%Y-%m-%d %H:%M:%S} UTC" if until is not None else ""
        return Why("Reconciling", trouble.reason, f"{rollout.revision}: {trouble.message}{deadline}")
    words = _phase_words(draft)
    return Why("Reconciling", rollout.phase, f"{rollout.revision} at {percent(candidate_weight(draft))}: {words}")


def _phase_words(draft: Draft) -> str:
    rollout = draft.status.rollout
    assert rollout is not None
    if rollout.phase == "Stepping" and rollout.hold is not None:
        return f"held, {rollout.hold.reason}: {rollout.hold.message}"
    words, pods = rollout.message, _pods_ready(draft, rollout)
    if rollout.phase == "Stepping":
        return words or "the next interval is being counted"
    return f"{words}; {pods}" if words else pods


def _pods_ready(draft: Draft, rollout: RolloutStatus) -> str:
    entry = draft.revision_status(rollout.revision)
    wanted = entry.replicas if entry else 0
    creating = [pod.name for pod in draft.seen.pods_of(rollout.revision) if pod.creating]
    waits = f"; pod {creating[0]} waits for its volumes or image: `kubectl describe pod` tells" if creating else ""
    return f"{draft.ready(rollout.revision)} of {wanted} pods ready{waits}"


def _troubled(trouble: Trouble) -> Why:
    return Why("Reconciling", trouble.reason, trouble.message)


def _first_revision(draft: Draft) -> Why | None:
    status = draft.status
    if status.stable is not None:
        return None
    if status.candidate is None:
        waiting = "; pods of an earlier ModelDeployment of this name end first" if left_over(draft) else ""
        return Why("Reconciling", "Starting", f"nothing runs yet{waiting}")
    trouble = draft.trouble(status.candidate, served=False)
    if trouble is None:
        return Why(
            "Reconciling", "Loading", f"{status.candidate} is loading its model; there is no stable revision yet"
        )
    if trouble.kind == "Model":
        return Why("Stalled", trouble.reason, f"{status.candidate}: {trouble.message}; it is tried again by itself")
    return _troubled(trouble)


def _rejected(draft: Draft) -> Why | None:
    found = draft.rejection(draft.resource.desired)
    if found is None:
        return None
    return Why(
        "Stalled",
        "RolledBack",
        f"{found.revision}: {found.reason}: {found.message}. {draft.status.stable} keeps serving; change the spec, or "
        f"annotate tidegate.dev/retry={found.revision}/<id> to try it again",
    )


def _held(draft: Draft) -> Why | None:
    held = draft.status.held
    if held is None or held.generation != draft.resource.generation or draft.resource.desired == draft.status.stable:
        return None
    again = f"change the spec, or annotate tidegate.dev/retry={draft.resource.desired}/<id>"
    return Why("Stalled", held.reason, f"{held.message}; to go on, {again}")


def _not_started(draft: Draft) -> Why | None:
    if draft.resource.desired == draft.status.stable:
        return None
    waiting = f"; {draft.status.previous} is drained first" if draft.status.previous else ""
    return Why("Reconciling", "Starting", f"{draft.resource.desired} starts next{waiting}")


def _pods_missing(draft: Draft) -> Why | None:
    stable = draft.status.stable
    trouble = draft.trouble(stable, served=True)
    ready, wanted = draft.ready(stable), draft.resource.spec.replicas
    if ready >= wanted:
        return None
    if trouble is not None:
        return _troubled(trouble)
    return Why("Reconciling", "PodsNotReady", f"{ready} of {wanted} pods of {stable} are ready")


_WHY: tuple[Callable[[Draft], Why | None], ...] = (
    _names_taken,
    _refused,
    _config_map,
    _stable_not_ready,
    _withdrawing,
    _suspended,
    _first_revision,
    _undoing,
    _gateway,
    _paused,
    _held_long,
    _route_trouble,
    _rollout,
    _rejected,
    _held,
    _not_started,
    _pods_missing,
)


# ---- what `kubectl get` shows ----------------------------------------------------------------------------------------


def _display(draft: Draft) -> None:
    status = draft.status
    for entry in status.revisions:
        entry.ready_replicas = draft.ready(entry.name)
        revision = draft.seen.controller_revisions.get(entry.name)
        if revision is not None:
            entry.artifact = revision["data"]["artifact"]
    stable = draft.revision_status(status.stable)
    status.replicas = stable.ready_replicas if stable else 0
    status.selector = f"{LABEL_MODELDEPLOYMENT}={draft.resource.owner.name}"
    hostnames = draft.resource.spec.traffic.hostnames
    if hostnames:
        status.address = Address(url=f"http://{hostnames[0]}{draft.resource.spec.traffic.path_prefix.rstrip('/')}")
    rollout = status.rollout
    if rollout is not None:
        rollout.weight = percent(candidate_weight(draft)).replace(" %", "%")
        rollout.step_name = step_name(rollout.plan, rollout.step) if rollout.phase == "Stepping" else rollout.phase
