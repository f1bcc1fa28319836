"""An operator that is killed at chosen writes, in memory: nothing of the process survives, everything stored does."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, cast

from tests.chaos.observer import Observer
from tests.component.cluster_double import KubeDouble
from tests.component.reconciling import FILES, NAME, Bench, Object
from tidegate.api.names import KIND

Moment = Literal["before", "after"]
Kills = Callable[[int, Moment], bool]
"""Whether the operator is killed at that moment of its write number so and so, counted from 0."""
Result = TypeVar("Result")

TIMEOUT_SECONDS = 5
"""spec.traffic.timeoutSeconds of `tests.component.reconciling.spec_of`."""


class Killed(BaseException):
    """The process is gone: not even its `except Exception` runs on."""


def never(index: int, moment: Moment) -> bool:
    """Kill at no write."""
    return False


def once(index: int, moment: Moment) -> Kills:
    """Kill at that one moment."""
    return lambda number, now: (number, now) == (index, moment)


def always(index: int, moment: Moment) -> bool:
    """Kill at every write: every other one is not made (and the attempt after it gets through), the rest are."""
    return moment == ("before", None, "after")[index % 3]


@dataclass
class MortalKube(KubeDouble):
    """An API server whose client is killed while it writes; Events are writes like any other.

    Attributes
    ----------
    attempts
        Verb, kind and name of every write since `kills` was set.
    deaths
        Times the client was killed.
    """

    kills: Kills = never
    attempts: list[str] = field(default_factory=list)
    deaths: int = 0
    alive: bool = True

    async def apply(self, obj: Mapping[str, Any], force: bool = True) -> Object:
        write = super().apply
        return await self._write(f"apply {obj['kind']} {obj['metadata']['name']}", lambda: write(obj, force))

    async def replace_status(self, obj: Mapping[str, Any]) -> Object:
        write = super().replace_status
        return await self._write("status", lambda: write(obj))

    async def scale(self, kind: str, namespace: str, name: str, replicas: int, *, version: str) -> None:
        write = super().scale
        await self._write(f"scale {kind} {name}", lambda: write(kind, namespace, name, replicas, version=version))

    async def delete(
        self, kind: str, namespace: str, name: str, *, uid: str, version: str, grace_seconds: int | None = None
    ) -> None:
        write = super().delete
        fence: dict[str, Any] = {"uid": uid, "version": version, "grace_seconds": grace_seconds}
        await self._write(f"delete {kind} {name}", lambda: write(kind, namespace, name, **fence))

    async def create_event(self, regarding: Mapping[str, Any], *, type: str, reason: str, message: str) -> None:
        write = super().create_event
        await self._write(f"event {reason}", lambda: write(regarding, type=type, reason=reason, message=message))

    async def _write(self, what: str, write: Callable[[], Awaitable[Result]]) -> Result:
        if not self.alive:
            raise Killed
        self.attempts.append(what)
        index = len(self.attempts) - 1
        self._strike(index, "before")
        result = await write()
        self._strike(index, "after")
        return result

    def _strike(self, index: int, moment: Moment) -> None:
        if self.kills(index, moment):
            self.alive = False
            self.deaths += 1
            raise Killed


@dataclass(frozen=True)
class Change:
    """An object as stored (None: it is gone) from `at` on, in seconds."""

    kind: str
    name: str
    item: Object | None
    at: float


@dataclass(frozen=True)
class Ending:
    """What is left when a story is over.

    Attributes
    ----------
    objects
        Every stored object without what tells one run from another: uid and resourceVersion.
    events
        Reason and message of every Event, counted.
    writes
        Verb, kind and name of every write, in order.
    violations
        What the observer found broken.
    history
        Every change the observer saw.
    """

    objects: Mapping[tuple[str, str], Object]
    events: Counter[tuple[str, str]]
    writes: list[str]
    deaths: int
    violations: list[str]
    history: list[Change]


class CrashingBench(Bench):
    """A bench that starts the operator again, without memory, whenever it was killed; and an observer beside it."""

    ROUNDS = 200

    def __init__(self) -> None:
        self.mortal = MortalKube()
        super().__init__(FILES, kube=self.mortal)
        self.kube.put({"kind": "ConfigMap", "metadata": {"name": "files"}, "data": {"model.py": "x"}})
        self.cluster.rate = 1000.0
        self.observer = Observer(NAME, timeout_seconds=TIMEOUT_SECONDS)
        self.history: list[Change] = []
        self._see(KIND, NAME, self.resource)
        self.mortal.on_change = self._see

    def _see(self, kind: str, name: str, item: Object | None) -> None:
        self.history.append(Change(kind, name, item, self.seconds))
        self.observer.see(kind, name, item, self.seconds)

    @property
    def seconds(self) -> float:
        return self.cluster.now.timestamp()

    async def once(self) -> float | None:
        try:
            return await super().once()
        except Killed:
            self.restart()
            self.mortal.alive = True
            self.cluster.catch_up()
            return 0.0

    def kill_at(self, kills: Kills) -> None:
        """Count writes from here on, and kill at those."""
        self.mortal.kills, self.mortal.attempts, self.mortal.events = kills, [], []

    def ending(self) -> Ending:
        return Ending(
            {key: _anonymous(item) for key, item in self.kube.objects.items()},
            Counter(self.kube.events),
            self.mortal.attempts,
            self.mortal.deaths,
            self.observer.violations,
            self.history,
        )


def _anonymous(item: Object) -> Object:
    metadata = {key: value for key, value in item["metadata"].items() if key not in ("uid", "resourceVersion")}
    return cast(Object, {**item, "metadata": metadata})
