"""What an outsider may hold the operator to: an observer that sees stored objects only, in the order they were stored.

It knows nothing of the operator's code, and shares none with it: constants and rules are written out once more.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

Object = Mapping[str, Any]

WHOLE = 1_000_000
ENTRY = 1
SETTLE_SECONDS = 2.0
DRAIN_MARGIN_SECONDS = 10.0
LETTERS = ("a", "b")
LABEL_REVISION = "tidegate.dev/revision"
NOBODY = "none"


class Observer:
    """Checks every change of the objects of one ModelDeployment; what is broken is added to `violations`.

    Parameters
    ----------
    name
        Of the ModelDeployment.
    timeout_seconds
        Its spec.traffic.timeoutSeconds.
    slack_seconds
        By how much the moments at which changes are seen may be off.

    Attributes
    ----------
    changes
        Changes seen.
    """

    def __init__(self, name: str, *, timeout_seconds: float, slack_seconds: float = 0.0) -> None:
        self.violations: list[str] = []
        self.changes = 0
        self._name = name
        self._settle = SETTLE_SECONDS - slack_seconds
        self._drain = timeout_seconds + DRAIN_MARGIN_SECONDS + self._settle
        self._objects: dict[tuple[str, str], Object] = {}
        self._born: dict[tuple[str, str], str] = {}
        self._slot_of: dict[str, str] = {}
        self._taken_up: float | None = None
        self._zero_since: dict[str, float] = {}
        self._judged_before = 0
        self._checks: dict[str, Callable[[Object | None, Object | None, float], None]] = {
            "ModelDeployment": self._resource,
            "ControllerRevision": self._revision,
            "Deployment": self._deployment,
            "Service": self._service,
            "HTTPRoute": self._route,
        }

    def see(self, kind: str, name: str, item: Object | None, now: float) -> None:
        """Take in that `item` was stored, or that the object is gone (None), at `now` (seconds)."""
        self.changes += 1
        before = self._objects.get((kind, name))
        if check := self._checks.get(kind):
            check(before, item, now)
        if item is None:
            self._objects.pop((kind, name), None)
        else:
            self._objects[kind, name] = item
        if kind == "HTTPRoute":
            self._follow_gateway(before, now)

    # ---- the route -------------------------------------------------------------------------------------------------

    def _route(self, before: Object | None, after: Object | None, now: float) -> None:
        if after is None:
            self._broken("the route was deleted")
            return
        names = [ref["name"] for ref in after["spec"]["rules"][0]["backendRefs"]]
        self._hold(names == [f"{self._name}-{letter}" for letter in LETTERS], f"the route's backends are {names}")
        old, new = weights_of(before), weights_of(after)
        if new == old:
            return
        self._hold(sum(new.values()) == WHOLE, f"weights {new} do not sum to {WHOLE}")
        self._hold(new == self._intended_weights(), f"weights {new} were written, recorded are {self._status()}")
        self._candidate_share(new)
        if old:
            self._way(old, new, now)

    def _way(self, old: Mapping[str, int], new: Mapping[str, int], now: float) -> None:
        for letter in LETTERS:
            if old[letter] == 0:
                self._hold(new[letter] <= ENTRY, f"slot {letter} entered at {new[letter]}")
            if new[letter] == 0:
                self._hold(old[letter] <= ENTRY, f"slot {letter} left from {old[letter]}")
        if ENTRY in old.values():
            waited = None if self._taken_up is None else now - self._taken_up
            in_force = waited is not None and waited >= self._settle
            self._hold(in_force, f"weights {old} became {new} {waited} s after the gateway took them up")

    def _candidate_share(self, weights: Mapping[str, int]) -> None:
        stable, rollout = self._status().get("stable"), self._status().get("rollout")
        letter = next((one for one in LETTERS if self._selected(one) not in (stable, NOBODY, None)), None)
        if rollout is None or letter is None:
            return
        ready = {one: self._ready(one) for one in LETTERS}
        share = WHOLE * ready[letter] // sum(ready.values()) if sum(ready.values()) else 0
        full = rollout["phase"] == "Promoting" and ready[letter] >= self._spec()["replicas"]
        carried = weights[letter] <= max(share, ENTRY) or full
        self._hold(carried, f"the candidate has weight {weights[letter]} with ready pods {ready}")

    def _follow_gateway(self, before: Object | None, now: float) -> None:
        route = self._objects.get(("HTTPRoute", self._name))
        weights = weights_of(route)
        if weights != weights_of(before) or not is_accepted(route):
            self._taken_up = None
        if is_accepted(route) and self._taken_up is None:
            self._taken_up = now
        for letter, weight in weights.items():
            if weight > 0:
                self._zero_since.pop(letter, None)
            elif is_accepted(route):
                self._zero_since.setdefault(letter, now)

    def _drained(self, letter: str, now: float) -> bool:
        if ("HTTPRoute", self._name) not in self._objects:
            return True
        since = self._zero_since.get(letter)
        return since is not None and now - since >= self._drain

    # ---- Services --------------------------------------------------------------------------------------------------

    def _service(self, before: Object | None, after: Object | None, now: float) -> None:
        if after is None:
            self._broken("a Service was deleted")
            return
        name, revision = after["metadata"]["name"], selector_of(after)
        if before is not None and selector_of(before) == revision:
            return
        if name == self._name:
            self._pointer(revision)
            return
        letter, old = name.removeprefix(f"{self._name}-"), selector_of(before)
        recorded = self._slots().get(letter, {}).get("revision", NOBODY)
        self._hold(revision == recorded, f"{name} selects {revision}, recorded is {recorded}")
        self._hold(self._weight(letter) == 0, f"{name} went from {old} to {revision} at weight {self._weight(letter)}")
        if old not in (None, NOBODY):
            self._hold(self._drained(letter, now), f"{name} went from {old} to {revision} before it was drained")
        if revision is not None:
            self._slot_of[revision] = letter

    def _pointer(self, revision: str | None) -> None:
        stable = self._status().get("stable")
        self._hold(revision == stable, f"{self._name} selects {revision}, recorded as stable is {stable}")
        if ("HTTPRoute", self._name) in self._objects and revision is not None:
            weight = self._weight(self._slot_of.get(revision, ""))
            self._hold(weight == WHOLE, f"{self._name} selects {revision}, which has weight {weight}")

    # ---- revisions and Deployments ---------------------------------------------------------------------------------

    def _revision(self, before: Object | None, after: Object | None, now: float) -> None:
        if after is None:
            return
        self._born_once("ControllerRevision", after)
        if before is not None:
            self._hold(before["data"] == after["data"], f"{after['metadata']['name']} was rendered again")

    def _deployment(self, before: Object | None, after: Object | None, now: float) -> None:
        if after is None:
            assert before is not None
            self._deleted(before["metadata"]["name"], now)
            return
        name = after["metadata"]["name"]
        self._born_once("Deployment", after)
        if before is None:
            self._hold(name in self._revisions(), f"Deployment {name} was made, recorded are {self._revisions()}")
            running = {key[1] for key in self._objects if key[0] == "Deployment"} | {name}
            self._hold(len(running) <= len(LETTERS), f"{sorted(running)} run at once")
            revision = self._objects.get(("ControllerRevision", name))
            rendered = revision is not None and contains(after["spec"]["template"], revision["data"]["template"])
            self._hold(rendered, f"the pod template of {name} is not that of its ControllerRevision")
            return
        self._hold(before["spec"]["template"] == after["spec"]["template"], f"pods of {name} were described anew")
        lowered = after["spec"]["replicas"] < before["spec"]["replicas"]
        self._hold(not lowered or self._weight_of(name) == 0, f"{name} lost pods at weight {self._weight_of(name)}")

    def _deleted(self, name: str, now: float) -> None:
        self._hold(name not in self._revisions(), f"Deployment {name} was deleted while it is recorded as running")
        self._hold(self._weight_of(name) == 0, f"Deployment {name} was deleted at weight {self._weight_of(name)}")
        letter = self._slot_of.get(name)
        if letter is not None:
            self._hold(self._drained(letter, now), f"Deployment {name} was deleted before slot {letter} was drained")

    def _born_once(self, kind: str, item: Object) -> None:
        name, uid = item["metadata"]["name"], item["metadata"]["uid"]
        self._hold(self._born.setdefault((kind, name), uid) == uid, f"{kind} {name} was made twice")

    # ---- the resource ----------------------------------------------------------------------------------------------

    def _resource(self, before: Object | None, after: Object | None, now: float) -> None:
        if before is None or after is None:
            return
        old, new = before.get("status") or {}, after.get("status") or {}
        slots = [slot.get("revision") for slot in (new.get("slots") or {}).values() if slot.get("revision")]
        self._hold(len(set(slots)) == len(slots), f"both slots have {slots}")
        names = sorted(entry["name"] for entry in new.get("revisions") or [])
        self._hold(names == sorted(slots), f"slots have {slots}, recorded as running are {names}")
        if old.get("stable") not in (None, new.get("stable")):
            verdicts = [one["verdict"] for one in new["decisions"] if one["revision"] == new["stable"]]
            self._hold("Promote" in verdicts, f"{new['stable']} became stable after {verdicts}")
        self._rollout(old.get("rollout"), new.get("rollout"))

    def _rollout(self, old: Object | None, new: Object | None) -> None:
        if old is None or new is None or old["id"] != new["id"]:
            self._judged_before = 0
            return
        step, next_step = old.get("step", 0), new.get("step", 0)
        self._hold(next_step - step in (0, 1), f"step {step} was followed by step {next_step}")
        if next_step > step:
            seconds = old["plan"]["steps"][step].get("weight", {}).get("seconds", 0)
            judged, self._judged_before = new["judgedMilliseconds"] - self._judged_before, new["judgedMilliseconds"]
            self._hold(judged >= seconds * 1000, f"step {step} was passed after {judged} ms of {seconds} s")
        self._evidence(old.get("evidence") or {}, new.get("evidence") or {})

    def _evidence(self, before: Object, after: Object) -> None:
        if not before:
            return
        self._hold(bool(after), "the evidence was lost")
        moved = float(after["judgedUntil"]) - float(before["judgedUntil"])
        learnt = finished_of(after) - finished_of(before)
        self._hold(moved >= 0, f"what was judged became {-moved} s less")
        self._hold(learnt >= 0, f"{-learnt} requests were forgotten")
        self._hold(learnt == 0 or moved > 0, f"{learnt} requests were counted in an interval judged already")

    # ---- what is stored --------------------------------------------------------------------------------------------

    def _status(self) -> Object:
        stored: Object = self._objects.get(("ModelDeployment", self._name), {})
        return stored.get("status") or {}

    def _spec(self) -> Object:
        spec: Object = self._objects["ModelDeployment", self._name]["spec"]
        return spec

    def _slots(self) -> Object:
        return self._status().get("slots") or {}

    def _intended_weights(self) -> dict[str, int]:
        return {letter: self._slots().get(letter, {}).get("weight", 0) for letter in LETTERS}

    def _revisions(self) -> list[str]:
        return [entry["name"] for entry in self._status().get("revisions") or []]

    def _selected(self, letter: str) -> str | None:
        return selector_of(self._objects.get(("Service", f"{self._name}-{letter}")))

    def _weight(self, letter: str) -> int:
        return weights_of(self._objects.get(("HTTPRoute", self._name))).get(letter, 0)

    def _weight_of(self, revision: str) -> int:
        return sum(self._weight(letter) for letter in LETTERS if self._selected(letter) == revision)

    def _ready(self, letter: str) -> int:
        service = f"{self._name}-{letter}"
        return sum(
            1
            for (kind, _), item in self._objects.items()
            if kind == "EndpointSlice" and item["metadata"]["labels"].get("kubernetes.io/service-name") == service
            for endpoint in item.get("endpoints") or []
            if endpoint["conditions"]["ready"]
        )

    def _hold(self, kept: bool, otherwise: str) -> None:
        if not kept:
            self._broken(otherwise)

    def _broken(self, what: str) -> None:
        self.violations.append(f"change {self.changes}: {what}")


def weights_of(route: Object | None) -> dict[str, int]:
    """Weights of the slots as written in a route; empty without one."""
    if route is None:
        return {}
    refs = route["spec"]["rules"][0]["backendRefs"]
    return {letter: ref["weight"] for letter, ref in zip(LETTERS, refs, strict=True)}


def is_accepted(route: Object | None) -> bool:
    """Whether every parent has taken up the route's newest generation."""
    if route is None:
        return False
    parents = (route.get("status") or {}).get("parents") or []
    generation = route["metadata"]["generation"]
    conditions = [condition for parent in parents for condition in parent["conditions"]]
    return bool(conditions) and all(
        condition["status"] == "True" and condition["observedGeneration"] == generation for condition in conditions
    )


def selector_of(service: Object | None) -> str | None:
    """The revision a Service selects; None without a Service."""
    if service is None:
        return None
    revision: str | None = service["spec"]["selector"].get(LABEL_REVISION)
    return revision


def finished_of(evidence: Object) -> int:
    """Requests of both revisions that an evidence has taken in."""
    return sum(int(counts["finished"]) for counts in evidence["metrics"]["errors"]["total"].values())


def contains(present: Any, wanted: Any) -> bool:
    """Whether all of `wanted` is in `present`, which may have more: defaults that the API server filled in."""
    if isinstance(wanted, Mapping):
        return isinstance(present, Mapping) and all(
            # The API server drops empty maps and lists.
            contains(present.get(key), value) or (present.get(key) is None and not value)
            for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        return (
            isinstance(present, list)
            and len(present) == len(wanted)
            and all(contains(left, right) for left, right in zip(present, wanted, strict=True))
        )
    return json.dumps(present) == json.dumps(wanted)
