"""The operator as a process of its own, from start to signal."""

import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.component.api_server import ApiServer
from tests.component.conftest import Server
from tests.operator_process import Operators, operators_in, write_kubeconfig
from tests.waiting import until
from tidegate.api.names import KIND
from tidegate.controller.handlers import OWNED_KINDS
from tidegate.controller.main import main


@pytest.fixture
async def operators(tmp_path: Path) -> AsyncIterator[Operators]:
    """Operators that do not outlive the test."""
    async with operators_in(tmp_path) as found:
        yield found


async def test_it_watches_reconciles_and_ends_in_good_order(
    operators: Operators, server: Server, tmp_path: Path
) -> None:
    api = ApiServer(KIND, *OWNED_KINDS)
    api.token = "Bearer one"
    api.objects[KIND].append(api.body(KIND, "filetype"))
    server.respond = api.respond
    operator = await operators.start(write_kubeconfig(tmp_path, server.url))
    await until(
        lambda: any(seen.path.endswith("/namespaces/demo/modeldeployments/filetype") for seen in server.seen),
        "the ModelDeployment is reconciled",
    )
    await operator.until_ready()
    _, metrics = await operator.fetch("/metrics")
    assert 'tidegate_api_requests_total{code="200",kind="ModelDeployment",verb="list"}' in metrics
    assert "\ntidegate_leader 1.0\n" in metrics
    began = time.monotonic()
    operator.kill(signal.SIGTERM)
    assert await operator.ended() == 0
    assert time.monotonic() - began < 8
    assert "for all namespaces" in operator.messages()[0]
    assert operator.messages()[-2:] == ["gave the Lease tidegate-system/tidegate back", "stopped"]
    assert not [record for record in operator.records() if record["level"] in {"ERROR", "CRITICAL"}]


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
    monkeypatch.setenv("POD_NAMESPACE", "tidegate-system")
    monkeypatch.delenv("TIDEGATE_CONFIG", raising=False)
    assert main([]) == 2
    assert "set KUBECONFIG or run in a pod" in json.loads(capsys.readouterr().out)["message"]


def test_the_process_ends_with_the_code_and_all_it_had_to_say() -> None:
    """Nobody says where the Lease is to be."""
    environment = {**os.environ, "POD_NAMESPACE": "", "TIDEGATE_CONFIG": ""}
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    command = [sys.executable, "-m", "tidegate.controller.main"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "leaderElection.namespace: found nothing, nor POD_NAMESPACE" in done.stderr


def test_s35_the_end_waits_for_no_thread() -> None:
    """A query that Prometheus does not answer waits in a thread for as long as prometheus.timeoutSeconds."""
    program = (
        "import threading, time; from tidegate.controller import main as module; "
        "module.main = lambda: threading.Thread(target=time.sleep, args=(60,)).start() or 7; module.run()"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, timeout=30, check=False)
    assert done.returncode == 7


@pytest.fixture
def root_logger() -> Iterator[None]:
    """Put the root logger back as it was."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    yield
    root.handlers[:], root.level = before
