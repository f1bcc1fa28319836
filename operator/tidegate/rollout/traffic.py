"""Moving weights: what is written, when it is in force, and never more than the ready pods may carry."""

from datetime import datetime, timedelta

from tidegate.api.names import LETTERS, Letter
from tidegate.api.spec import ModelDeploymentSpec
from tidegate.api.status import ModelDeploymentStatus
from tidegate.judge.pace import Pace
from tidegate.rollout.capacity import ENTRY, WHOLE, next_weight, share
from tidegate.rollout.draft import Draft

SETTLE_SECONDS = 2.0
"""From the gateway's acceptance of a route to the moment its proxies surely use it."""

LEAVE_SECONDS = 30.0
"""How long the last part in a million waits for the gateway before the slot leaves the route all the same."""

DRAIN_MARGIN_SECONDS = 10.0
DRAIN_BLIND_SECONDS = 60.0
"""Least time at weight 0 where the proxies' counters cannot be read: one of them may lag behind."""
DRAIN_RETRY_SECONDS = 2.0
LEAST_IN_PERCENT = 100
"""Parts per million under which a weight is told as such."""


def observe_route(draft: Draft) -> None:
    """Record since when the written weights are in force; forget it where they are not."""
    if draft.status.stable is None:
        return
    written = {letter: draft.slot(letter).weight for letter in LETTERS}
    holds = draft.seen.route.accepted and draft.seen.route.weights == written
    settled = draft.now + timedelta(seconds=SETTLE_SECONDS)
    if draft.slot("a").in_force_since is not None and draft.seen.route.weights != written:
        _tell_restored(draft)
    for letter in LETTERS:
        slot = draft.slot(letter)
        if not holds:
            slot.in_force_since = None
        elif slot.in_force_since is None or slot.in_force_since > settled:
            # Further away than that only after the clock was set back.
            slot.in_force_since = settled
    since = draft.status.slots.a.in_force_since
    if since is not None and since > draft.now:
        draft.wake_at(since)


def _tell_restored(draft: Draft) -> None:
    route = draft.seen.route
    found, who = route.weights, ", ".join(route.writers) or "somebody else"
    what = "was deleted" if found is None else f"had its weights changed to a={found['a']}, b={found['b']} by {who}"
    draft.tell("RouteRestored", f"the route {what}; it is written as recorded", warning=True)


def in_force(draft: Draft) -> bool:
    """The gateway uses the weights as written."""
    since = draft.status.slots.a.in_force_since
    return since is not None and since <= draft.now


def candidate_weight(draft: Draft) -> int:
    """The candidate's written weight, parts per million."""
    letter = draft.letter_of(draft.status.candidate)
    return draft.slot(letter).weight if letter else 0


def write_weight(draft: Draft, weight: int) -> None:
    """Record `weight` (parts per million) for the candidate's slot and the rest for stable's."""
    rollout = draft.status.rollout
    if rollout is not None:
        risen = weight > candidate_weight(draft)
        rollout.weight_decreased = not risen
        if risen:
            rollout.bake_judged_milliseconds, rollout.bake_requests = 0, 0
        if rollout.pace:
            rollout.pace = Pace.from_status(rollout.pace).written(weight).to_status()
    for letter in LETTERS:
        slot = draft.slot(letter)
        slot.weight = WHOLE - weight if slot.revision == draft.status.stable else weight
        slot.in_force_since = None
        slot.written_at = draft.now


def move_towards(draft: Draft, wanted: int) -> bool:
    """Take the next move towards `wanted` for the candidate; True once that very weight is in force."""
    present = candidate_weight(draft)
    if present == wanted:
        return in_force(draft)
    leaving = wanted < present
    following = next_weight(present, wanted, in_force=in_force(draft) or (leaving and _waited_long(draft)))
    if following != present:
        write_weight(draft, following)
    return False


def _waited_long(draft: Draft) -> bool:
    if draft.seen.route.weights != {letter: draft.slot(letter).weight for letter in LETTERS}:
        return False
    written = draft.status.slots.a.written_at
    if written is None:
        return True
    deadline = written + timedelta(seconds=LEAVE_SECONDS)
    if deadline > draft.now:
        draft.wake_at(deadline)
    return deadline <= draft.now


def allowed_weight(draft: Draft) -> int:
    """The candidate's share of ready capacity, parts per million."""
    return share(draft.ready(draft.status.candidate), draft.ready(draft.status.stable))


def lacks_room(draft: Draft) -> bool:
    """Pods of the candidate wait for a node with room for them."""
    trouble = draft.trouble(draft.status.candidate, served=True)
    return trouble is not None and trouble.kind == "Capacity"


def respect_capacity(draft: Draft) -> None:
    """Lower the candidate's weight at once where its ready pods no longer carry it (a part in a million at least).

    Where stable has no ready pod, weights stay as written: whom to send users to is then a person's decision. A
    candidate being promoted at full size may carry any weight.
    """
    rollout = draft.status.rollout
    if rollout is None or draft.status.stable is None or draft.ready(draft.status.stable) == 0:
        return
    present, ready = candidate_weight(draft), draft.ready(draft.status.candidate)
    limit = max(allowed_weight(draft), ENTRY)
    if present <= limit or (rollout.phase == "Promoting" and ready >= full_size(draft)):
        return
    # Stable's slot may have to enter first; where no candidate pod is left to serve meanwhile, that is skipped.
    settled = in_force(draft) or _waited_long(draft)
    following = limit if ready == 0 else next_weight(present, limit, in_force=settled)
    if following != present:
        write_weight(draft, following)
    if following != limit:
        return
    draft.tell(
        "WeightLowered",
        f"{draft.status.candidate}: {ready} ready pods beside "
        f"{draft.ready(draft.status.stable)} of stable carry {percent(limit)}, weight was {percent(present)}",
        warning=True,
    )


def full_size(draft: Draft) -> int:
    """Ready pods a candidate needs before it may take all traffic."""
    return draft.resource.spec.replicas


def request_seconds(spec: ModelDeploymentSpec) -> timedelta:
    """How long after its weight came to 0 a slot may still have requests under way."""
    return timedelta(seconds=spec.traffic.timeout_seconds + DRAIN_MARGIN_SECONDS)


def slot_to_be_drained(spec: ModelDeploymentSpec, status: ModelDeploymentStatus, now: datetime) -> Letter | None:
    """The slot whose revision may go as soon as no proxy sends it requests any more; None for none."""
    withdrawn = (
        status.rollout.revision if status.rollout is not None and status.rollout.phase == "Withdrawing" else None
    )
    kept_until = status.keep_previous_until
    expired = status.previous if kept_until is not None and kept_until <= now else None
    for letter in LETTERS:
        slot = status.slots.of(letter)
        if slot.revision is None or slot.revision not in (withdrawn, expired) or slot.weight != 0:
            continue
        if slot.in_force_since is not None and slot.in_force_since + request_seconds(spec) <= now:
            return letter
    return None


def drained(draft: Draft, revision: str) -> bool:
    """No request is under way to the slot of `revision` any more.

    Its weight has been 0 in force for as long as a request can take, and every proxy was seen to have stopped sending
    it any; where that cannot be told, it has been 0 for long enough that a proxy that lags behind has caught up.
    """
    letter = draft.letter_of(revision)
    if letter is None or draft.status.stable is None:
        return True
    slot, quiet = draft.slot(letter), draft.seen.quiet.get(letter)
    if slot.weight != 0 or slot.in_force_since is None:
        return False
    asked = slot.in_force_since + request_seconds(draft.resource.spec)
    if asked > draft.now:
        draft.wake_at(asked)
        return False
    blind = max(asked, slot.in_force_since + timedelta(seconds=DRAIN_BLIND_SECONDS))
    if quiet or (quiet is None and blind <= draft.now):
        return True
    draft.wake_in(DRAIN_RETRY_SECONDS)
    return False


def percent(weight: int) -> str:
    """A weight in parts per million as people write it: three digits, all of them where only a sliver is missing."""
    if weight < LEAST_IN_PERCENT:
        return f"{weight} of 1,000,000"
    rounded = f"{weight / 10_000:.3g}"
    return f"{weight / 10_000:g} %" if rounded == "100" else f"{rounded} %"
