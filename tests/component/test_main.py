"""The operator as a process of its own, from start to signal."""

import asyncio
import json
import logging
import os
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import aiohttp
import pytest
import yaml

from tests.component.api_server import ApiServer
from tests.component.conftest import Server, until
from tidegate.api.names import KIND
from tidegate.controller.handlers import OWNED_KINDS
from tidegate.controller.main import main

Start = Callable[..., Awaitable[Process]]


@pytest.fixture
def environment(tmp_path: Path, server: Server) -> dict[str, str]:
    """Environment with a kubeconfig for the test's own API server."""
    kubeconfig = {
        "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": server.url}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "users": [{"name": "test", "user": {"token": "one"}}],
    }
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps(kubeconfig))
    paths = os.pathsep.join(path for path in sys.path if path)
    return {**os.environ, "KUBECONFIG": str(file), "PYTHONPATH": paths, "TIDEGATE_CONFIG": ""}


@pytest.fixture
async def start(environment: dict[str, str]) -> AsyncIterator[Start]:
    """Start the operator with these arguments; it does not outlive the test."""
    started: list[Process] = []

    async def begin(*arguments: str) -> Process:
        command = [sys.executable, "-m", "tidegate.controller.main", *arguments]
        process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE, env=environment)
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def free_port() -> int:
    listener = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port: int = listener.sockets[0].getsockname()[1]
    listener.close()
    return port


async def until_ready(port: int) -> None:
    """Wait until /readyz says so."""
    async with asyncio.timeout(60), aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(f"http://127.0.0.1:{port}/readyz") as response:
                    if response.status == 200:
                        return
            except aiohttp.ClientConnectionError:
                pass
            await asyncio.sleep(0.05)


async def test_it_watches_reconciles_and_ends_in_good_order(start: Start, server: Server, tmp_path: Path) -> None:
    api = ApiServer(KIND, *OWNED_KINDS)
    api.token = "Bearer one"
    api.objects[KIND].append(api.body(KIND, "filetype"))
    server.respond = api.respond
    port = await free_port()
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump({"metricsPort": port, "prometheus": {"url": "http://127.0.0.1:9"}}))
    process = await start("--config", str(file))
    await until_ready(port)
    await until(
        lambda: any(seen.path.endswith("/namespaces/demo/modeldeployments/filetype") for seen in server.seen),
        "the ModelDeployment is reconciled",
    )
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/metrics") as response:
        assert 'tidegate_api_requests_total{code="200",kind="ModelDeployment",verb="list"}' in await response.text()
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    output, _ = await asyncio.wait_for(process.communicate(), 10)
    assert time.monotonic() - began < 8
    assert process.returncode == 0
    lines = [json.loads(line) for line in output.splitlines()]
    assert "watching all namespaces" in lines[0]["message"]
    assert lines[-1]["message"] == "stopped"
    assert not [line for line in lines if line["level"] in {"ERROR", "CRITICAL"}]


def test_a_wrong_configuration_ends_it_at_once_with_every_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("workers: none\ncolour: red\n")
    assert main(["--config", str(file)]) == 2
    errors = capsys.readouterr().err
    assert "workers: found 'none'" in errors
    assert "colour: unknown key" in errors


@pytest.mark.usefixtures("root_logger")
def test_no_cluster_ends_it_at_once(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("KUBECONFIG", "/nowhere")
    monkeypatch.delenv("TIDEGATE_CONFIG", raising=False)
    assert main([]) == 2
    assert "set KUBECONFIG or run in a pod" in json.loads(capsys.readouterr().out)["message"]


@pytest.fixture
def root_logger() -> Iterator[None]:
    """Put the root logger back as it was."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    yield
    root.handlers[:], root.level = before
