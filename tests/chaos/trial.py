"""One ModelDeployment under one operator: what a user does with it, and how it ends."""

import asyncio
import itertools
import json
import time
from collections import Counter
from collections.abc import Callable
from difflib import unified_diff
from typing import Any

from tests.chaos.api import MERGE, Object, until
from tests.chaos.proxy import Faults, no_fault
from tests.chaos.stage import Lane
from tidegate.api.names import API_GROUP, KIND, VERSION
from tidegate.clients.kinds import KINDS

TIMEOUT_SECONDS = 1
SERVE_SECONDS = 60.0
END_SECONDS = 150.0
REPLICAS = 2
NAMELESS = "NAME"

_numbers = itertools.count(1)


def document(namespace: str, name: str, image: str) -> Object:
    """A ModelDeployment with a plan as short as it gets: two weights, each judged for one interval.

    The harm budget is never what limits them, and the second is no more than twice the first.
    """
    return {
        "apiVersion": f"{API_GROUP}/{VERSION}",
        "kind": KIND,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "model": {"source": _source(image)},
            "runtime": {"triton": {}},
            "replicas": REPLICAS,
            "traffic": {
                "parentRefs": [{"name": "inference", "namespace": "gateways"}],
                "hostnames": [f"{name}.example.com"],
                "timeoutSeconds": TIMEOUT_SECONDS,
            },
            "rollout": {
                "steps": [{"weight": {"percent": percent, "seconds": 1}} for percent in (15, 30)],
                "keepPreviousSeconds": 0,
                "analysis": {
                    "intervalSeconds": 5,
                    "bakeSeconds": 0,
                    "statistics": {"harmBudgetRequests": 1_000_000},
                },
            },
        },
    }


def _source(image: str) -> Object:
    return {"image": {"reference": f"registry.example.com/{image}"}}


class Trial:
    """A ModelDeployment of a name never used before."""

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self.name = f"trial-{next(_numbers)}-x"
        self.key = lane.namespace, self.name
        self.traffic = lane.stage.gateway.route(*self.key)
        self._path = KINDS[KIND].path(*self.key)

    # ---- what a user does ------------------------------------------------------------------------------------------

    async def create(self, image: str = "model:1") -> None:
        """Apply it."""
        path = KINDS[KIND].path(self.lane.namespace)
        await self.lane.stage.api.send("POST", path, document(*self.key, image))

    async def change(self, image: str) -> None:
        """Change its model."""
        await self.lane.stage.api.send("PATCH", self._path, {"spec": {"model": {"source": _source(image)}}}, MERGE)

    async def delete(self) -> None:
        """Delete it; what it owned goes by itself."""
        await self.lane.stage.api.send("DELETE", self._path)

    # ---- what is there ---------------------------------------------------------------------------------------------

    @property
    def objects(self) -> dict[tuple[str, str], Object]:
        """Its objects as stored."""
        return self.lane.stage.recorder.objects(self.key)

    @property
    def status(self) -> Object:
        """Its status; empty while there is none."""
        return self.objects.get((KIND, self.name), {}).get("status") or {}

    @property
    def weights(self) -> list[int]:
        """Weights in the route; empty without one."""
        route = self.objects.get(("HTTPRoute", self.name))
        return [ref["weight"] for ref in route["spec"]["rules"][0]["backendRefs"]] if route else []

    def condition(self, kind: str) -> tuple[str, str]:
        """(status, reason) of a condition about the present generation; empty strings while there is none."""
        body = self.objects.get((KIND, self.name), {"metadata": {"generation": 0}})
        for one in (body.get("status") or {}).get("conditions", []):
            if one["type"] == kind and one["observedGeneration"] == body["metadata"]["generation"]:
                return one["status"], one["reason"]
        return "", ""

    def told(self) -> str:
        """Where it stands, for a test that failed."""
        status = json.dumps({**self.status, "conditions": []}, indent=1)
        writes = [f"{write} {write.name}" for write in self.lane.proxy.writes]
        ready, stalled = self.condition("Ready"), self.condition("Stalled")
        return (
            f"{self.key}: weights {self.weights}, Ready {ready}, Stalled {stalled}\n"
            f"status {status}\nwrites {writes}\nkilled {self.lane.kills} times, exits {self.lane.operator.exits}\n"
            f"operator:\n{self.lane.operator.tail}"
        )

    async def until(self, reached: Callable[["Trial"], bool], what: str, seconds: float = END_SECONDS) -> float:
        """Wait until `reached(self)`; returns the seconds it took."""
        start = time.monotonic()
        await until(lambda: reached(self), lambda: f"{what}; {self.told()}", seconds)
        return time.monotonic() - start

    async def serving(self) -> None:
        """Wait until it serves all it should."""
        await self.until(lambda trial: trial.condition("Ready")[0] == "True", "it serves", SERVE_SECONDS)

    # ---- how it ends -----------------------------------------------------------------------------------------------

    @property
    def ending(self) -> Object:
        """All that is stored, without what differs between two runs: names, uids, versions, moments, counts."""
        found = {f"{kind} {name}": _reduced(kind, item) for (kind, name), item in self.objects.items()}
        text = json.dumps(found, sort_keys=True).replace(self.name, NAMELESS)
        reduced: Object = json.loads(text)
        return reduced

    async def violations(self) -> list[str]:
        """What the observer found broken, and Events that were told twice."""
        found = self.lane.stage.recorder.violations(self.key, self.traffic, timeout_seconds=TIMEOUT_SECONDS)
        listing = await self.lane.stage.api.send("GET", KINDS["Event"].path(self.lane.namespace))
        told = Counter(
            (event["reason"], event["note"])
            for event in listing["items"]
            if event["regarding"].get("name") == self.name
        )
        return found + [f"told twice: {event}" for event, count in told.items() if count > 1]


_DROPPED = {"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"}


def _reduced(kind: str, item: Object) -> Object:
    if kind == KIND:
        return {"generation": item["metadata"]["generation"], "spec": item["spec"], **_status(item.get("status") or {})}
    if kind == "EndpointSlice":
        return {"ready": len(item.get("endpoints") or [])}
    kept = {key: value for key, value in (item.get("spec") or {}).items() if key not in _DROPPED}
    return {"labels": item["metadata"]["labels"], "spec": kept, "data": item.get("data")}


def _status(status: Object) -> Object:
    entry_keys = ("name", "replicas", "readyReplicas", "role", "artifact")
    return {
        **{key: status.get(key) for key in ("stable", "candidate", "previous", "rollout", "replicas", "requests")},
        "slots": {letter: [slot.get("revision"), slot["weight"]] for letter, slot in status.get("slots", {}).items()},
        "revisions": [{key: entry.get(key) for key in entry_keys} for entry in status.get("revisions", [])],
        "verdicts": [
            [one["verdict"], one["reason"], one["revision"], one.get("step")]
            for one in status.get("decisions", [])
            if one["verdict"] != "Hold"
        ],
        "rejected": [[one["revision"], one["reason"]] for one in status.get("rejected", [])],
        "conditions": {one["type"]: [one["status"], one["reason"]] for one in status.get("conditions", [])},
    }


class Story:
    """Something that happens to a ModelDeployment, from a beginning to an end known in advance.

    Attributes
    ----------
    reference
        How it ends where nothing goes wrong.
    """

    def __init__(self, name: str, *, image: str | None, bad: float = 0.0) -> None:
        self.name = name
        self.reference: Object | None = None
        self._image = image
        self._bad = bad

    async def begin(self, trial: Trial, faults: Faults = no_fault) -> None:
        """Prepare and start; writes are counted, and faults happen, from the start on."""
        trial.lane.proxy.arm()
        await self.prepare(trial)
        trial.lane.proxy.arm(faults)
        await self.start(trial)

    async def prepare(self, trial: Trial) -> None:
        """Bring about what the story begins with: nothing, or a revision that serves."""
        if self._image is not None:
            await trial.create()
            await trial.serving()

    async def start(self, trial: Trial) -> None:
        """Do what the user does."""
        if self._image is None:
            await trial.create()
            return
        await trial.change(self._image)
        if self._bad:
            await trial.until(lambda trial: bool(trial.status.get("candidate")), "a candidate")
            trial.traffic.bad[trial.status["candidate"]] = self._bad

    async def end(self, trial: Trial, seconds: float = END_SECONDS) -> None:
        """Wait for the end and check it, and everything on the way."""
        await trial.until(self.is_over, f"the end of {self.name}", seconds)
        if self.reference is None:
            await _quiet(trial)
            self.reference = trial.ending
        await until(lambda: trial.ending == self.reference, lambda: self._difference(trial), SERVE_SECONDS)
        assert await trial.violations() == [], trial.told()

    def _difference(self, trial: Trial) -> str:
        known, found = (json.dumps(one, indent=1, sort_keys=True) for one in (self.reference, trial.ending))
        differences = unified_diff(known.splitlines(), found.splitlines(), "known", "found", lineterm="", n=2)
        return f"the known end of {self.name}:\n" + "\n".join(differences)

    def is_over(self, trial: Trial) -> bool:
        """Whether nothing more is to come."""
        status = trial.status
        if not status or any(status.get(key) for key in ("candidate", "previous", "rollout")):
            return False
        settled = trial.condition("Ready")[0] == "True" or trial.condition("Stalled") == ("True", "RolledBack")
        return settled and (self._image is None or bool(status.get("decisions")))


async def _quiet(trial: Trial, seconds: float = 3.0) -> None:
    """Wait until the operator has written nothing for a while."""
    seen, since = -1, time.monotonic()
    while time.monotonic() - since < seconds:
        if len(trial.lane.proxy.writes) != seen:
            seen, since = len(trial.lane.proxy.writes), time.monotonic()
        await asyncio.sleep(0.1)


def first_revision() -> Story:
    """A new ModelDeployment comes to serve."""
    return Story("first revision", image=None)


def rollout() -> Story:
    """A change is judged good and promoted; the revision before it goes."""
    return Story("rollout", image="model:2")


def rollback() -> Story:
    """A candidate that fails a third of its requests is taken back and goes."""
    return Story("rollback", image="model:bad", bad=0.3)


def describe(writes: Any) -> str:
    """How often each kind of write was made, for people."""
    return ", ".join(f"{count} {what}" for what, count in Counter(str(write) for write in writes).most_common())
