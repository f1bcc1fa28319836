"""Everything around the operator that a rollout needs, and operators with a faulty way to the API server."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from tests.chaos.api import Api, Mirror
from tests.chaos.gateway import Gateway
from tests.chaos.process import Operator
from tests.chaos.prometheus import Prometheus
from tests.chaos.proxy import FaultProxy
from tests.chaos.recorder import Recorder
from tests.chaos.workloads import Workloads
from tests.operator_process import free_port
from tidegate.api.names import KIND, LABEL_MODELDEPLOYMENT

CHILDREN = ("ControllerRevision", "Deployment", "Service", "EndpointSlice", "HTTPRoute")
START_SECONDS = 120.0
STARTING = 3
"""Operators that start at once: to start takes a processor longer than anything that follows."""
POLL_SECONDS = 0.2


class Lane:
    """One namespace with an operator of its own, which reaches the API server through a proxy of its own.

    Attributes
    ----------
    kills
        Times the proxy killed the operator.
    """

    def __init__(self, stage: "Stage", namespace: str, directory: Path, **options: Any) -> None:
        self.stage = stage
        self.namespace = namespace
        self.kills = 0
        self._directory = directory
        self._options = options
        self.proxy = FaultProxy(stage.api, self._kill)
        self.operator: Operator

    async def start(self) -> None:
        """Make the namespace; start proxy and operator."""
        await self.stage.api.send("POST", "/api/v1/namespaces", {"metadata": {"name": self.namespace}})
        await self.proxy.start()
        configuration: Mapping[str, Any] = {
            "namespaces": [self.namespace],
            "prometheus": {"url": self.stage.prometheus.url},
            "leaderElection": {"enabled": False},
            **self._options.get("configuration", {}),
        }
        more = {key: self._options[key] for key in ("arguments", "environment") if key in self._options}
        self.operator = Operator(self._directory, self.proxy.url, await free_port(), configuration, **more)
        self.operator.start()

    async def stop(self) -> None:
        """End operator and proxy; the namespace goes by itself."""
        await self.operator.stop()
        await self.proxy.stop()
        await self.stage.api.send("DELETE", f"/api/v1/namespaces/{self.namespace}")

    async def ready(self) -> None:
        """Wait until the operator watches."""
        try:
            async with asyncio.timeout(START_SECONDS):
                while await self.operator.health("/readyz") != 200:  # noqa: ASYNC110
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError:
            raise AssertionError(f"not ready after {START_SECONDS:g} s; its log: {self.operator.tail}") from None

    async def _kill(self) -> None:
        self.kills += 1
        await self.operator.kill()


class Stage:
    """A real API server, and stand-ins for what runs in a cluster beside an operator."""

    def __init__(self, kubeconfig: Path, directory: Path) -> None:
        self.api = Api(kubeconfig)
        self.recorder = Recorder()
        self.gateway = Gateway(self.api)
        self.prometheus = Prometheus(self.gateway)
        self.workloads = Workloads(self.api)
        self._directory = directory
        self._lanes = AsyncExitStack()
        self._starting = asyncio.Semaphore(STARTING)
        listeners = {
            "HTTPRoute": [self.gateway.see],
            "Deployment": [self.workloads.see],
            "Service": [self.workloads.see],
        }
        self._mirrors = {
            kind: Mirror(self.api, kind, LABEL_MODELDEPLOYMENT, self.recorder.see, *listeners.get(kind, []))
            for kind in CHILDREN
        }
        self._mirrors[KIND] = Mirror(self.api, KIND, "", self.recorder.see)
        self._mirrors["Pod"] = Mirror(self.api, "Pod", LABEL_MODELDEPLOYMENT, self.workloads.see)
        self.workloads.attach(self._mirrors)

    @classmethod
    @asynccontextmanager
    async def open(cls, kubeconfig: Path, directory: Path) -> AsyncIterator["Stage"]:
        """Everything but operators, for as long as the context is open."""
        stage = cls(kubeconfig, directory)
        async with stage.api, stage._lanes:
            await stage.prometheus.start()
            tasks = [asyncio.create_task(mirror.run()) for mirror in stage._mirrors.values()]
            tasks.append(asyncio.create_task(stage.workloads.run()))
            try:
                for mirror in stage._mirrors.values():
                    await asyncio.wait_for(mirror.synced.wait(), START_SECONDS)
                yield stage
            finally:
                await stage._lanes.aclose()
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                await stage.prometheus.stop()

    @property
    def gaps(self) -> list[str]:
        """Why the recorder may have missed versions; empty where it has missed none."""
        return [gap for mirror in self._mirrors.values() for gap in mirror.gaps]

    async def lane(self, **options: Any) -> Lane:
        """One more operator, watching.

        Parameters
        ----------
        options
            ``configuration``: more of the operator's configuration file. ``arguments``, ``environment``: of its
            process.
        """
        namespace = f"chaos-{uuid.uuid4().hex[:8]}"
        directory = self._directory / namespace
        directory.mkdir()
        lane = Lane(self, namespace, directory, **options)
        async with self._starting:
            await lane.start()
            self._lanes.push_async_callback(lane.stop)
            await lane.ready()
        return lane
