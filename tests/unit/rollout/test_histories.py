"""Random histories of edits, requests, failures and crashes: the promises of a rollout hold at every single step."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.rollout.world import NAME, PLENTY, Traffic, World, spec_of
from tidegate.api.names import LETTERS, REQUEST_VERBS, Letter
from tidegate.api.status import ModelDeploymentStatus, RolloutStatus
from tidegate.judge.counts import CellCounts, Uncountable
from tidegate.judge.pace import RISE_AT_MOST
from tidegate.judge.strata import pooled
from tidegate.rollout.capacity import ENTRY, WHOLE, share
from tidegate.rollout.measuring import Measurement
from tidegate.rollout.observation import Observation, Pod
from tidegate.rollout.pacing import budget_of
from tidegate.rollout.steps import first_weight, held_weight

DRAIN_SECONDS = 15
"""spec.traffic.timeoutSeconds of `spec_of`, and the margin every drained slot is given."""

PAUSE_THEN_WEIGHT = [{"pause": {}}, {"weight": {"percent": 25, "seconds": 10}}]
TIMED_PAUSE = [{"weight": {"percent": 5, "seconds": 20}}, {"pause": {"seconds": 30}}, {"weight": {"percent": 50}}]
RAMP_WITH_PAUSE = [{"ramp": {"maxPercent": 10}}, {"pause": {"seconds": 20}}, {"ramp": {"maxPercent": 40}}]
SHORT = {"maxSeconds": 300}
LATENCY = {"latency": {"boundMilliseconds": 250}}
TIMED = LATENCY | {"maxSeconds": 600, "statistics": {"harmBudgetRequests": PLENTY, "warmupSeconds": 20}}
PACED = LATENCY | {"maxSeconds": 600, "statistics": {"harmBudgetRequests": 20, "warmupSeconds": 20}}
SOON = {"warmupSeconds": 20, "noHarm": {"minRequests": 20, "minSeconds": 60}}
WITHOUT_PROOF = {"maxSeconds": 600, "promotion": "NoHarm", "statistics": SOON}
SPECS = (
    spec_of("1", analysis=SHORT),
    spec_of("2", analysis=TIMED | SHORT),
    spec_of("3", steps=PAUSE_THEN_WEIGHT, analysis=SHORT | {"onInconclusive": "Rollback"}),
    spec_of("4", steps=TIMED_PAUSE, analysis=SHORT | {"onInconclusive": "Promote"}, capacity={"waitSeconds": 40}),
    spec_of("2", replicas=3, analysis=SHORT),
    spec_of("1", replicas=1, analysis=SHORT, keepPreviousSeconds=0),
    spec_of("5", steps=[{"ramp": {}}], analysis=PACED),
    spec_of("6", replicas=3, steps=RAMP_WITH_PAUSE, analysis=PACED | {"onInconclusive": "Promote"}),
    spec_of("7", steps=[{"ramp": {}}], analysis={"maxSeconds": 600, "statistics": {"harmBudgetRequests": 20}}),
    spec_of("8", steps=[{"weight": {"percent": 50, "seconds": 10}}], analysis=LATENCY | WITHOUT_PROOF),
    spec_of("9", steps=[{"ramp": {}}], analysis=WITHOUT_PROOF),
)
TROUBLE: dict[str, Callable[[str], Pod]] = {
    "load": lambda name: Pod(name="p", revision=name, restarts=1, exit_code=1, last_words="no such file"),
    "crash": lambda name: Pod(name="p", revision=name, restarts=2, exit_code=1, last_words="segmentation fault"),
    "capacity": lambda name: Pod(name="p", revision=name, unschedulable="0/1 nodes: 1 Insufficient nvidia.com/gpu."),
    "image": lambda name: Pod(name="p", revision=name, waiting_reason="ImagePullBackOff"),
}
CHILDREN = ("deployments", "stable", "a", "b", "route")
BEGINNINGS = (
    *("start", "entry", "first weight", "last weight", "promoting", "promoted"),
    *("ramp", "ramp half way", "ramp last"),
    *("timed", "without proof"),
)
"""Where in the rollout of the second revision a history begins."""


@dataclass
class History(World):
    """A world whose pods take their time, whose writes can get lost, and which checks every pass.

    Attributes
    ----------
    load_seconds
        Seconds a pod takes to become ready.
    lost
        Children whose next write is lost, as when the operator is killed between two writes.
    denied
        Children whose writes fail until further notice.
    judged
        Step to the seconds counted while its weight was written.
    proven
        The highest weight an interval was counted at since the weight last went back to the first one.
    counted_at
        The weight an interval was counted at with nothing to be held against it; 0 once another one was written.
    most_first
        The highest weight that a candidate nothing is known of may have at the traffic last seen.
    compared
        Whether latency could be compared at some time in the rollout.
    zero_since
        Slot to the moment since which its weight is 0 in the route.
    late
        A write that another leader, asleep since, has sent and that has yet to arrive: which child, by which status,
        and the child's version it was read at.
    moments, moments_late
        Number of moments gone by, and the one at which it arrives.
    versions
        Child to its resourceVersion.
    """

    load_seconds: int = 1
    lost: frozenset[str] = frozenset()
    denied: frozenset[str] = frozenset()
    judged: dict[int, float] = field(default_factory=dict)
    proven: int = 0
    counted_at: int = 0
    most_first: int = ENTRY
    compared: bool = False
    zero_since: dict[Letter, datetime] = field(default_factory=dict)
    late: tuple[str, ModelDeploymentStatus, int] | None = None
    moments: int = 0
    moments_late: int = 0
    versions: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CHILDREN, 0))
    _grown_at: datetime | None = None
    _touched_by_hand: bool = False
    _judged_rollout: str = ""

    # ---- cluster ---------------------------------------------------------------------------------------------------

    def ready_pods(self, name: str | None) -> int:
        return min(self._deployments.get(name or "", 0), self.ready_limit.get(name or "", 0))

    def ready_behind(self, revision: str | None) -> int:
        """Ready pods the planner can know of: those behind a slot Service that really selects `revision`."""
        slots = {"a": self.status.slots.a, "b": self.status.slots.b}
        letter = next((letter for letter in LETTERS if revision and slots[letter].revision == revision), None)
        return self.ready_pods(revision) if letter and self._selected.get(letter) == revision else 0

    def seen(self) -> Observation:
        endpoints = {letter: self.ready_pods(self._selected.get(letter)) for letter in LETTERS}
        return replace(super().seen(), endpoints=endpoints)

    def grow(self) -> None:
        """Let every revision without trouble have one more ready pod."""
        for name, wanted in self._deployments.items():
            if not self.pods.get(name):
                self.ready_limit[name] = min(self.ready_limit.get(name, 0) + 1, wanted)
        self.ready_limit = {name: count for name, count in self.ready_limit.items() if name in self._deployments}

    def measure(self) -> Measurement | None:
        measured, rollout = super().measure(), self.status.rollout
        if measured is not None and rollout is not None:
            weight, wanted = self.weight_of(rollout.revision), held_weight(rollout.plan, rollout.step)
            limit = share(self.ready_behind(rollout.revision), self.ready_behind(self.status.stable))
            if weight in (wanted, min(wanted, limit)):
                seconds = sum(cell.length for cell, _ in measured.cells)
                self.judged[rollout.step] = self.judged.get(rollout.step, 0.0) + seconds
        return measured

    def note_pace(self, measured: Measurement | None, before: RolloutStatus, weight: int) -> None:
        """Remember what the weight may rise to once `measured` is taken in."""
        cells = (
            []
            if measured is None
            else [(cell, pooled(counts.strata)) for cell, counts in measured.cells if isinstance(counts, CellCounts)]
        )
        for cell, requests in cells:
            self.counted_at = weight
            self.proven = max(self.proven, weight)
            rate = max(requests.finished / cell.seconds, 1e-9)
            self.most_first = max(self.most_first, budget_of(before).first_weight(rate, requests.stable))

    def _state(self) -> dict[str, str]:
        return {"deployments": repr(self._deployments), "route": repr(self._weights), **self._selected_by()}

    def _selected_by(self) -> dict[str, str]:
        return {key: repr(self._selected.get(key)) for key in ("stable", "a", "b")}

    def bump(self, before: dict[str, str]) -> None:
        """Give every child that changed another version."""
        after = self._state()
        for key in CHILDREN:
            self.versions[key] += before[key] != after[key]

    def arrive_late(self) -> None:
        """The write of the leader that slept arrives: refused unless its child is still as that leader read it."""
        if self.late is None:
            return
        (child, status, version), self.late = self.late, None
        if self.versions[child] != version:
            return
        now, self.status = self.status, status
        self.lost = frozenset(CHILDREN) - {child}
        self._act()
        self.status, self._last_seen = now, ""

    def _act(self) -> None:
        lost, self.lost = self.lost | self.denied, frozenset()
        state = self._state()
        deployments, selected = self._deployments, dict(self._selected)
        weights, written = self._weights, list(self.weights_written)
        super()._act()
        for key in ("stable", "a", "b"):
            if key in lost and key in selected:
                self._selected[key] = selected[key]
            elif key in lost:
                self._selected.pop(key, None)
        if "route" in lost:
            self._weights, self.weights_written = weights, written
        if "deployments" in lost:
            self._deployments = deployments
        self.bump(state)
        self._check_writes(selected, weights)

    # ---- running ---------------------------------------------------------------------------------------------------

    def reconcile(self) -> None:
        before, seen_ready = self.status, {name: self.ready_behind(name) for name in self._deployments}
        if before.rollout is not None and before.rollout.id != self._judged_rollout:
            self._judged_rollout, self.judged = before.rollout.id, {}
            self.proven, self.counted_at, self.most_first, self.compared = 0, 0, ENTRY, False
        if before.rollout is not None:
            self.note_pace(super().measure(), before.rollout, self.weight_of(before.rollout.revision))
        super().reconcile()
        check(before, self.status, seen_ready, self)

    def settle(self) -> None:
        super().settle()
        self.now += timedelta(milliseconds=1)
        if super().measure() is None and (self._wake_at is None or self._wake_at > self.now):
            before = self.status
            self.reconcile()
            assert self.status == before, "a second look a moment later writes something"

    def advance(self, seconds: float) -> None:
        """Let time pass, from one moment something is due to the next."""
        end = self.now + timedelta(seconds=seconds)
        while self.now < end:
            if self._due() or self.denied:
                self.settle()
            if self._grown_at is None or self._grown_at <= self.now:
                self.grow()
                self._grown_at = self.now + timedelta(seconds=self.load_seconds)
                continue
            wake = self._wake_at or end
            self.now = max(self.now + timedelta(milliseconds=1), min(end, self._grown_at, wake))

    def _check_writes(self, selected: dict[str, str | None], weights: dict[Letter, int] | None) -> None:
        if weights is None or self._weights is None:
            return
        by_hand = self._touched_by_hand
        self._touched_by_hand = by_hand and self._weights == weights
        for letter in () if by_hand else LETTERS:
            if weights[letter] > 0 and letter in selected:
                assert self._selected[letter] == selected[letter], "a slot with weight was given another revision"
            if self._selected[letter] != selected.get(letter, "none") and selected.get(letter, "none") != "none":
                empty = self.now - self.zero_since[letter]
                assert empty >= timedelta(seconds=DRAIN_SECONDS), "a slot was given another revision before it drained"
            if self._weights[letter] > 0:
                self.zero_since.pop(letter, None)
            else:
                self.zero_since.setdefault(letter, self.now)
            check_way(weights[letter], self._weights[letter], self._selected[letter], self)


def check_way(before: int, after: int, revision: str | None, world: History) -> None:
    """In and out of the route only through one part in a million; a way back from a dead candidate may be shorter."""
    candidate_is_dead = world.ready_pods(world.status.candidate) == 0
    if before == 0:
        assert after in (0, ENTRY) or candidate_is_dead, f"{revision} entered at {after}"
    if after == 0:
        assert before in (0, ENTRY), f"{revision} left from {before}"


# ---- what holds after every single pass ------------------------------------------------------------------------------


def check(before: ModelDeploymentStatus, after: ModelDeploymentStatus, ready: dict[str, int], world: History) -> None:
    slots = {"a": after.slots.a, "b": after.slots.b}
    in_slots = [slot.revision for slot in slots.values() if slot.revision]
    names = [entry.name for entry in after.revisions]
    assert len(names) <= 3
    assert len(set(in_slots)) == len(in_slots)
    assert {after.stable, after.candidate, after.previous} - {None} == set(names) == set(in_slots)
    if after.stable is not None:
        assert sum(slot.weight for slot in slots.values()) == WHOLE
    check_slots_kept(before, after)
    check_suspended(before, after, world)
    check_promoted(before, after)
    check_without_proof(before, after)
    check_latency(before, after, world)
    check_rejected(before, after)
    check_capacity(before, after, ready)
    check_rise(before, after, world)
    check_pace(before, after, world)


def check_slots_kept(before: ModelDeploymentStatus, after: ModelDeploymentStatus) -> None:
    for old, new in ((before.slots.a, after.slots.a), (before.slots.b, after.slots.b)):
        if old.weight > 0:
            assert new.revision == old.revision, f"{old.revision} was forgotten at weight {old.weight}"


def check_suspended(before: ModelDeploymentStatus, after: ModelDeploymentStatus, world: History) -> None:
    if before.suspended_since is None or not world.spec.suspend:
        return
    assert after.stable == before.stable, "promoted while suspended"
    assert [entry.name for entry in after.revisions] == [entry.name for entry in before.revisions]
    if after.candidate is not None:
        assert weight(after, after.candidate) <= weight(before, after.candidate), "the weight rose while suspended"


def check_promoted(before: ModelDeploymentStatus, after: ModelDeploymentStatus) -> None:
    if before.stable is None or after.stable == before.stable:
        return
    decisions = [decision for decision in after.decisions if decision.revision == after.stable]
    verdicts = [decision.verdict for decision in decisions if decision.verdict != "Hold"]
    assert verdicts[-1:] == ["Promote"], f"{after.stable} became stable after {verdicts}"


def check_without_proof(before: ModelDeploymentStatus, after: ModelDeploymentStatus) -> None:
    """Without proof only where that was asked for or chosen, after enough requests and time, with nothing held."""
    old, new = before.rollout, after.rollout
    if old is None or new is None or (old.phase, new.phase) != ("Stepping", "Promoting"):
        return
    if new.promoted_by is not None or after.decisions[-1].reason != "NoHarm":
        return
    asked, terms = old.plan.analysis.promotion, old.plan.analysis.statistics.no_harm
    assert asked == "NoHarm" or (asked == "Auto" and new.promotion is not None and new.promotion.mode == "NoHarm")
    assert new.bake_requests >= terms.min_requests
    assert new.bake_judged_milliseconds >= terms.min_seconds * 1000
    assert new.hold is None


def check_latency(before: ModelDeploymentStatus, after: ModelDeploymentStatus, world: History) -> None:
    """Nothing is taken back for being slower than stable unless the two could be compared."""
    if after.rollout is not None and after.rollout.alike_since is not None:
        world.compared = True
    known = {(entry.revision, entry.at) for entry in before.rejected}
    for entry in after.rejected:
        if (entry.revision, entry.at) not in known and entry.reason == "Harm" and entry.message.startswith("latency"):
            assert world.compared, entry.message


def check_rejected(before: ModelDeploymentStatus, after: ModelDeploymentStatus) -> None:
    for rejection in after.rejected:
        name = rejection.revision
        if name in (after.stable, after.previous):
            continue
        assert weight(after, name) <= weight(before, name), f"{name} is rejected and got more weight"
        assert after.candidate != name or (after.rollout is not None and after.rollout.phase == "Withdrawing")


def check_capacity(before: ModelDeploymentStatus, after: ModelDeploymentStatus, ready: dict[str, int]) -> None:
    rollout = after.rollout
    if rollout is None or rollout.phase == "Promoting" or before.stable is None or after.stable is None:
        return
    now, then = weight(after, rollout.revision), weight(before, rollout.revision)
    ready_candidate, ready_stable = ready.get(rollout.revision, 0), ready.get(after.stable, 0)
    if ready_stable == 0:
        assert now == then, "no stable pod is ready and weights were changed"
    elif then < WHOLE - ENTRY:
        assert now <= max(ENTRY, share(ready_candidate, ready_stable)), "a candidate pod carries more than a stable one"


def check_rise(before: ModelDeploymentStatus, after: ModelDeploymentStatus, world: History) -> None:
    old, new = before.rollout, after.rollout
    if old is None or new is None or old.id != new.id or old.phase != "Stepping":
        return
    if new.step > old.step and (step := old.plan.steps[old.step]).weight is not None:
        found = world.judged.get(old.step, 0.0)
        assert found >= step.weight.seconds, f"step {old.step} was judged for {found} s at its weight, then passed"
    proven = max(weight(before, old.revision), first_weight(old.plan))
    if old.hold is not None and world.metrics_trouble is not None and new.phase == "Stepping":
        assert weight(after, new.revision) <= proven, (
            f"the weight rose although nothing is measured: {old.hold.message}"
        )


def check_pace(before: ModelDeploymentStatus, after: ModelDeploymentStatus, world: History) -> None:
    """No rise that was not judged, none to more than so many times what was judged, none while anything holds."""
    old, new = before.rollout, after.rollout
    if old is None or new is None or old.id != new.id or (old.phase, new.phase) != ("Stepping", "Stepping"):
        return
    then, now = weight(before, old.revision), weight(after, new.revision)
    if new.retreated and not old.retreated:
        world.proven, world.counted_at = min(world.proven, world.most_first), 0
    if now > max(then, ENTRY):
        free = max(world.proven, min(world.most_first, first_weight(old.plan)))
        assert now <= free or (world.counted_at == then and now <= RISE_AT_MOST * then), f"{then} rose to {now}"
        assert new.hold is None or now <= min(world.most_first, first_weight(old.plan)), f"rose at {new.hold}"
    if now != then:
        world.counted_at = 0


def weight(status: ModelDeploymentStatus, revision: str) -> int:
    return next((slot.weight for slot in (status.slots.a, status.slots.b) if slot.revision == revision), 0)


# ---- what can happen -------------------------------------------------------------------------------------------------

Action = tuple[str, Any]
SPEC = st.integers(0, len(SPECS) - 1)
WHO = st.sampled_from(["stable", "candidate", "previous"])
SERVING = st.sampled_from(["candidate", "candidate", "stable", "previous"])
PASS = st.tuples(st.just("pass"), st.sampled_from([1, 3, 10, 20, 40, 120]))
ANSWERS = st.one_of(
    *(st.tuples(st.just(how), st.tuples(SERVING, st.sampled_from([0.5, 0.02, 0.0]))) for how in ("bad", "slow")),
    st.tuples(st.just("refused"), st.tuples(SERVING, st.sampled_from([0.3, 0.0]))),
    st.tuples(st.just("hanging"), st.tuples(SERVING, st.booleans())),
)
EVENT: st.SearchStrategy[Action] = st.one_of(
    st.tuples(st.just("spec"), SPEC),
    st.tuples(st.just("request"), st.tuples(st.sampled_from(REQUEST_VERBS), st.booleans())),
    st.tuples(st.just("suspend"), st.booleans()),
    st.tuples(st.just("scale"), st.sampled_from([1, 2, 4])),
    st.tuples(st.just("leader sleeps"), st.tuples(st.sampled_from(CHILDREN), st.integers(1, 5))),
    st.tuples(st.just("ready"), st.tuples(WHO, st.integers(0, 2))),
    st.tuples(st.just("trouble"), st.tuples(WHO, st.sampled_from(sorted(TROUBLE)))),
    st.tuples(st.just("heal"), st.none()),
    # Three times as likely as anything else, so that every metric comes to a verdict in some history.
    *[ANSWERS] * 3,
    st.tuples(st.just("rate"), st.sampled_from([0.0, 0.1, 2.0, 50.0])),
    st.tuples(st.just("gateway"), st.booleans()),
    st.tuples(st.just("metrics"), st.booleans()),
    st.tuples(st.just("taken"), st.booleans()),
    st.tuples(st.just("crash"), st.frozensets(st.sampled_from(CHILDREN), min_size=1)),
    st.tuples(st.just("deny"), st.sampled_from([frozenset(), *(frozenset({child}) for child in CHILDREN)])),
    st.tuples(st.just("route"), st.sampled_from([0, ENTRY, 400_000])),
    st.tuples(st.just("amnesia"), st.none()),
)


def happen(world: History, action: Action, number: int) -> None:
    verb, value = action
    if verb == "request":
        _request(world, *value, number=number)
    elif verb in ("ready", "trouble", "bad", "slow", "refused", "hanging"):
        _to_revision(world, verb, *value)
    else:
        HAPPENS[verb](world, value)


def _apply(world: History, index: int) -> None:
    world.apply(SPECS[index])


def _edit(world: History, **change: Any) -> None:
    world.apply(world.spec.model_copy(update=change))


def _crash(world: History, lost: frozenset[str]) -> None:
    world.lost = lost
    world.reconcile()


def _deny(world: History, denied: frozenset[str]) -> None:
    world.denied, world._last_seen = denied, ""


def _forget_everything(world: History) -> None:
    world.denied = frozenset()
    world.settle()
    world.status, world._last_seen = ModelDeploymentStatus(), ""


def _fall_asleep(world: History, write: tuple[str, int]) -> None:
    """A leader records what it has decided and gets no further than to send one write; another one goes on."""
    child, world.moments_late = write[0], world.moments + write[1]
    version, world.lost = world.versions[child], frozenset(CHILDREN)
    world.reconcile()
    world.late, world._last_seen = (child, world.status, version), ""


def _request(world: History, verb: str, right: bool, *, number: int) -> None:
    named = {"retry": world.revision(), "undo": world.status.stable}.get(verb, world.status.candidate)
    world.annotate(verb, f"{named if right else 'another-revision'}/{number}")


def _to_revision(world: History, verb: str, who: str, value: Any) -> None:
    name = getattr(world.status, who)
    if name is None:
        return
    if verb == "ready":
        world.ready_limit[name] = value
    elif verb == "hanging":
        world.traffic.hanging = {name} if value else set()
    elif verb in ("bad", "slow", "refused"):
        getattr(world.traffic, verb)[name] = value
    else:
        world.pods[name] = (TROUBLE[value](name),)
        if value in ("load", "crash"):
            world.ready_limit[name] = 0


def _edit_route(world: History, candidate: int) -> None:
    if world._weights is not None:
        state = world._state()
        world._weights, world._touched_by_hand = {"a": WHOLE - candidate, "b": candidate}, True
        world.bump(state)


NO_METRICS = Uncountable("MetricsUnavailable", "Refused: no answer")
HAPPENS: dict[str, Callable[[History, Any], None]] = {
    "pass": lambda world, seconds: world.advance(seconds),
    "spec": _apply,
    "suspend": lambda world, yes: _edit(world, suspend=yes),
    "scale": lambda world, replicas: _edit(world, replicas=replicas),
    "crash": _crash,
    "deny": _deny,
    "amnesia": lambda world, _: _forget_everything(world),
    "leader sleeps": _fall_asleep,
    "route": _edit_route,
    "heal": lambda world, _: world.pods.clear(),
    "rate": lambda world, rate: setattr(world.traffic, "rate", rate),
    "gateway": lambda world, accepts: setattr(world, "gateway_accepts", accepts),
    "metrics": lambda world, there: setattr(world, "metrics_trouble", None if there else NO_METRICS),
    "taken": lambda world, yes: setattr(world, "names_taken", (f"Service {NAME}",) if yes else ()),
}


BEGIN_WITH = {"ramp": 6, "ramp half way": 6, "ramp last": 6, "timed": 8, "without proof": 10}


def begin_at(beginning: str, load_seconds: int) -> History:
    """A world in which the second revision has come so far."""
    world = History(spec=SPECS[0], load_seconds=load_seconds)
    world.advance(120)
    candidate = world.apply(SPECS[BEGIN_WITH.get(beginning, 1)])
    reached: dict[str, Callable[[], bool]] = {
        "start": lambda: True,
        "entry": lambda: world.weight_of(candidate) == ENTRY,
        "first weight": lambda: world.weight_of(candidate) == 50_000,
        "last weight": lambda: world.weight_of(candidate) == 500_000,
        "ramp": lambda: world.weight_of(candidate) == 16_000,
        "ramp half way": lambda: 100_000 <= world.weight_of(candidate) < 500_000,
        "ramp last": lambda: world.weight_of(candidate) == 500_000,
        "timed": lambda: world.weight_of(candidate) == 500_000,
        "without proof": lambda: world.weight_of(candidate) == 500_000,
        "promoting": lambda: world.weight_of(candidate) > 500_000,
        "promoted": lambda: world.status.stable == candidate,
    }
    for _ in range(600):
        if reached[beginning]():
            return world
        world.advance(1)
    raise AssertionError(f"{beginning!r} is not reached; status: {world.status}")


def live_through(beginning: str, load_seconds: int, moments: list[tuple[Action, Action]]) -> None:
    world = begin_at(beginning, load_seconds)
    for number, (passing, event) in enumerate(moments):
        happen(world, passing, number)
        world.moments = number
        if number == world.moments_late:
            world.arrive_late()
        happen(world, event, number)
    if world.spec.suspend:
        world.apply(world.spec.model_copy(update={"suspend": False}))
    world.pods.clear()
    world.traffic = Traffic()
    world.late = None
    world.denied, world._last_seen = frozenset(), ""
    world.gateway_accepts, world.metrics_trouble, world.names_taken = True, None, ()
    for _ in range(40):
        world.advance(100)
        if world.status.rollout is None and arrived(world):
            return
    assert arrived(world), f"never came to an end; status: {world.status}"


def arrived(world: History) -> bool:
    """Serving what was asked for, taken back for good, or waiting: for a person, or for a suspicion to fade."""
    hold = world.status.rollout.hold if world.status.rollout is not None else None
    suspected = hold is not None and hold.reason == "TooLittleEvidence"
    waits = suspected or world.condition("Reconciling") == ("True", "Paused")
    return waits or world.condition("Ready")[0] == "True" or world.condition("Stalled")[0] == "True"


HISTORIES = {
    "beginning": st.sampled_from(BEGINNINGS),
    "load_seconds": st.sampled_from([1, 7, 45]),
    "moments": st.lists(st.tuples(PASS, EVENT), min_size=4, max_size=20),
}


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(**HISTORIES)
def test_promises_hold_in_every_history(
    beginning: str, load_seconds: int, moments: list[tuple[Action, Action]]
) -> None:
    live_through(beginning, load_seconds, moments)


SHARDS = 8
"""Parts of the soak that run side by side where there are processors for it."""


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("shard", range(SHARDS))
@settings(max_examples=20_000 // SHARDS, deadline=None, suppress_health_check=list(HealthCheck))
@given(**HISTORIES)
def test_promises_hold_in_many_histories(
    shard: int, beginning: str, load_seconds: int, moments: list[tuple[Action, Action]]
) -> None:
    live_through(beginning, load_seconds, moments)
