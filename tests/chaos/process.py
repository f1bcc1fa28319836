"""The real operator as a process, started again whenever it ends, as a kubelet would."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import STDOUT, Process
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp

from lab.shell import TIED
from tests.operator_process import write_kubeconfig

TAIL_BYTES = 4000


class Operator:
    """One operator.

    Parameters
    ----------
    directory
        For its configuration, kubeconfig and log.
    server
        Address of its API server, which asks for no credentials.
    port
        Where it is to serve its health.
    configuration
        What its configuration file says.
    arguments, environment
        More of either.

    Attributes
    ----------
    exits
        Exit codes of processes that ended, -9 where it was killed.
    """

    def __init__(
        self,
        directory: Path,
        server: str,
        port: int,
        configuration: Mapping[str, Any],
        *,
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.exits: list[int] = []
        self.port = port
        self._log = directory / "operator.log"
        config = directory / "config.yaml"
        config.write_text(json.dumps({"metricsPort": port, **configuration}))
        kubeconfig = write_kubeconfig(directory, server)
        self._command = [*TIED, sys.executable, "-m", "tidegate.controller.main", "--config", str(config), *arguments]
        self._environment = {**os.environ, "KUBECONFIG": str(kubeconfig), "TIDEGATE_CONFIG": "", **(environment or {})}
        self._process: Process | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """Process id; None while none runs."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    @property
    def tail(self) -> str:
        """The end of its log."""
        return self._log.read_bytes()[-TAIL_BYTES:].decode(errors="replace") if self._log.exists() else ""

    def start(self) -> None:
        """Start it, and again whenever it ends."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Kill it and start it no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.kill()

    async def kill(self) -> None:
        """kill -9; returns when it is gone."""
        process = self._process
        if process is not None and process.returncode is None:
            process.send_signal(signal.SIGKILL)
            await process.wait()

    async def health(self, path: str) -> int:
        """HTTP status of /healthz or /readyz; 0 where nobody answers."""
        try:
            async with aiohttp.ClientSession() as session:
                url = f"http://127.0.0.1:{self.port}{path}"
                async with session.get(url, timeout=aiohttp.ClientTimeout(total=2)) as response:
                    return response.status
        except (aiohttp.ClientError, TimeoutError):
            return 0

    async def _run(self) -> None:
        with self._log.open("ab") as log:
            while True:
                self._process = await asyncio.create_subprocess_exec(
                    *self._command, stdout=log, stderr=STDOUT, env=self._environment
                )
                self.exits.append(await self._process.wait())
