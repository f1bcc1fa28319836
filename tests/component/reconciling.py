"""One ModelDeployment in a cluster of doubles, and the real reconciler at work on it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, cast

from tests.component.cluster_double import NAMESPACE, ClusterDouble, KubeDouble
from tidegate.api.names import API_GROUP, KIND, VERSION
from tidegate.clients.kube import Kube
from tidegate.controller.act import Actor
from tidegate.controller.measure import Measurer
from tidegate.controller.metrics import Metrics
from tidegate.controller.reconciler import Reconciler
from tidegate.gateways import GatewayProfile, Gateways
from tidegate.judge.samples import Series
from tidegate.rollout import Resource
from tidegate.runtimes.signature import Signature, Tensor

NAME = "filetype"
Object = dict[str, Any]
IMAGE = {"image": {"reference": "models/filetype:1"}}
PLENTY = {"harmBudgetRequests": 1_000_000}
"""A harm budget that no traffic here exceeds."""
FILES = {"configMap": {"name": "files", "items": [{"key": "model.py", "path": "1/model.py"}]}}


def spec_of(source: Object = IMAGE, **more: Any) -> Object:
    steps = [{"weight": {"percent": percent, "seconds": 10}} for percent in (5, 25)]
    return {
        "model": {"source": source},
        "runtime": {"triton": {}},
        "replicas": 3,
        "traffic": {
            "parentRefs": [{"name": "inference"}],
            "hostnames": ["filetype.example.com"],
            "timeoutSeconds": 5,
        },
        "rollout": {
            "steps": steps,
            "keepPreviousSeconds": 60,
            "analysis": {"bakeSeconds": 10, "maxSeconds": 600, "statistics": PLENTY},
        },
        **more,
    }


def image(tag: str) -> Object:
    return {"image": {"reference": f"models/filetype:{tag}"}}


class ServersDouble:
    """Model servers by address: what they say they take and give, or the error they end in."""

    def __init__(self) -> None:
        tensor = Tensor("x", "FP32", (-1, 4))
        self.usual = Signature((tensor,), (tensor,))
        self.answers: dict[str, Signature | Exception] = {}
        self.asked: list[tuple[str, str]] = []

    async def signature(self, address: str, model: str) -> Signature:
        self.asked.append((address, model))
        found = self.answers.get(address, self.usual)
        if isinstance(found, Exception):
            raise found
        return found


class Bench:
    """One ModelDeployment, its cluster, and a reconciler that is called as the queue would call it."""

    ROUNDS = 20
    """Reconciles at one moment, at most."""

    def __init__(self, source: Object = IMAGE, metrics: Any = None, kube: KubeDouble | None = None) -> None:
        self.cluster = ClusterDouble(NAME, kube or KubeDouble())
        self.kube = self.cluster.kube
        self.kube.put(
            {
                "apiVersion": f"{API_GROUP}/{VERSION}",
                "kind": KIND,
                "metadata": {"name": NAME, "uid": "uid-owner"},
                "spec": spec_of(source),
            }
        )
        self.metrics = metrics or self.cluster
        self.gateways: tuple[GatewayProfile, ...] = ()
        self.servers = ServersDouble()
        self._wake_at: datetime | None = None
        self._looked_at: dict[tuple[str, str], Object] = {}
        self.restart()

    def restart(self) -> None:
        """A new operator process: all memory is gone."""
        kube = cast(Kube, self.kube)
        self.told = Metrics()
        self.reconciler = Reconciler(
            kube,
            Measurer(self, Gateways(self.gateways)),
            Actor(kube, default_image="triton:1"),
            self.told,
            servers=self.servers,
            clock=lambda: self.cluster.now,
        )

    async def range_samples(self, query: str, time: float) -> list[Series]:
        return cast(list[Series], await self.metrics.range_samples(query, time))

    async def instant(self, query: str, time: float) -> Object:
        return cast(Object, await self.metrics.instant(query, time))

    @property
    def resource(self) -> Object:
        return self.kube.objects[KIND, NAME]

    @property
    def status(self) -> Object:
        return cast(Object, self.resource.get("status", {}))

    @property
    def desired(self) -> str:
        return Resource.parse(self.resource).desired

    def condition(self, kind: str) -> tuple[str, str, str]:
        found = next(one for one in self.status["conditions"] if one["type"] == kind)
        return found["status"], found["reason"], found["message"]

    def edit(self, source: Object, **more: Any) -> None:
        self.kube.put({**self.resource, "spec": spec_of(source, **more)})

    async def once(self) -> float | None:
        wait = await self.reconciler.reconcile(NAMESPACE, NAME)
        self.cluster.catch_up()
        self._wake_at = None if wait is None else self.cluster.now + timedelta(seconds=wait)
        return wait

    async def settle(self) -> None:
        """Reconcile until nothing is written and nothing is due at this moment."""
        for _ in range(self.ROUNDS):
            before = len(self.kube.writes)
            wait = await self.once()
            if len(self.kube.writes) == before and wait != 0.0:
                return
        raise AssertionError(f"does not come to rest: {self.kube.writes[-10:]}")

    async def run(self, seconds: int, until: Callable[[], bool] = lambda: False) -> bool:
        """Let time pass; looks where something changed or the reconciler asked for it. Whether `until` came true."""
        for _ in range(seconds):
            woken = self._wake_at is not None and self._wake_at <= self.cluster.now
            if woken or self._looked_at != self.kube.objects:
                await self.settle()
                self._looked_at = dict(self.kube.objects)
            if until():
                return True
            self.cluster.pass_second()
        return False

    async def serving(self) -> None:
        assert await self.run(20, lambda: "conditions" in self.status and self.condition("Ready")[0] == "True")

    async def candidate_at(self, weight: int) -> str:
        """A second revision with that weight in the route; returns its name."""
        await self.serving()
        self.edit(image("2"))
        assert await self.run(120, lambda: self.cluster.weights()[1:] == [weight])
        return cast(str, self.status["candidate"])
