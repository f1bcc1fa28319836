"""The operator as a process of its own, against whatever API server a test has."""

import asyncio
import json
import os
import re
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from tests.waiting import POLL_SECONDS, until

LEASE_NAMESPACE = "tidegate-system"
LEASE_NAME = "tidegate"


def write_kubeconfig(directory: Path, url: str) -> Path:
    """A kubeconfig for an API server without TLS that takes the token ``one``."""
    document = {
        "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": url}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "users": [{"name": "test", "user": {"token": "one"}}],
    }
    file = directory / f"kubeconfig-{url.rpartition(':')[2]}"
    file.write_text(json.dumps(document))
    return file


async def free_port() -> int:
    """A port nobody listens on at this moment."""
    listener = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port: int = listener.sockets[0].getsockname()[1]
    listener.close()
    return port


@dataclass
class OperatorProcess:
    """One that was started."""

    process: Process
    port: int
    log: Path

    def records(self) -> list[dict[str, Any]]:
        """What it has logged so far."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    def messages(self) -> list[str]:
        """The messages of these records."""
        return [record["message"] for record in self.records()]

    def said(self, start: str) -> bool:
        """Whether a message began like this."""
        return any(message.startswith(start) for message in self.messages())

    async def fetch(self, path: str) -> tuple[int, str]:
        """Status and text of /healthz, /readyz or /metrics; (0, "") where nobody answers."""
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session,
                session.get(f"http://127.0.0.1:{self.port}{path}") as response,
            ):
                return response.status, await response.text()
        except (aiohttp.ClientError, TimeoutError):
            return 0, ""

    async def metric(self, name: str) -> float:
        """The sum of a metric over its labels."""
        _, text = await self.fetch("/metrics")
        values = re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.MULTILINE)
        return sum(map(float, values))

    async def until_ready(self, seconds: float = 60) -> None:
        """Wait until /readyz says so."""
        async with asyncio.timeout(seconds):
            while (await self.fetch("/readyz"))[0] != 200:  # noqa: ASYNC110
                await asyncio.sleep(POLL_SECONDS)

    async def until_leading(self, seconds: float = 60) -> None:
        """Wait until it says that it leads."""
        await until(lambda: self.said("leading: "), f"the operator at port {self.port} leads", seconds)

    async def ended(self, seconds: float = 15) -> int:
        """Wait for its end; gives the exit code."""
        return await asyncio.wait_for(self.process.wait(), seconds)

    def kill(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)


class Operators:
    """Starts operators that do not outlive the test."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.started: list[OperatorProcess] = []

    async def start(self, kubeconfig: Path, **configuration: Any) -> OperatorProcess:
        """Start one; it elects its leader by the Lease `LEASE_NAMESPACE`/`LEASE_NAME` unless told otherwise."""
        port = await free_port()
        document = {
            "metricsPort": port,
            "prometheus": {"url": "http://127.0.0.1:9"},
            "leaderElection": {"namespace": LEASE_NAMESPACE, "leaseName": LEASE_NAME},
            **configuration,
        }
        file = self._directory / f"config-{port}.yaml"
        file.write_text(yaml.safe_dump(document))
        log = self._directory / f"operator-{port}.log"
        environment = {
            **os.environ,
            "KUBECONFIG": str(kubeconfig),
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            "POD_NAMESPACE": "",
        }
        command = [sys.executable, "-m", "tidegate.controller.main", "--config", str(file)]
        with log.open("wb") as stream:
            process = await asyncio.create_subprocess_exec(*command, stdout=stream, stderr=stream, env=environment)
        self.started.append(OperatorProcess(process, port, log))
        return self.started[-1]

    async def end(self) -> None:
        """Kill those that still run."""
        for one in self.started:
            if one.process.returncode is None:
                one.process.kill()
                await one.process.wait()


@asynccontextmanager
async def operators_in(directory: Path) -> AsyncIterator[Operators]:
    """Operators for as long as the context is open."""
    found = Operators(directory)
    try:
        yield found
    finally:
        await found.end()
