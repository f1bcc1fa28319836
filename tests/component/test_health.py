"""What the kubelet and Prometheus see of the operator."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest

from tidegate.controller.health import HealthServer, all_of, queue_moves, watch_is_tended
from tidegate.controller.metrics import Metrics


@dataclass
class Served:
    """A health server whose state the test sets."""

    metrics: Metrics
    standstill: float = 0.0
    unwatched: float = 0.0
    ready: bool = False
    url: str = ""


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    one = Served(Metrics())
    server = HealthServer(
        one.metrics,
        alive=all_of(queue_moves(lambda: one.standstill), watch_is_tended(lambda: one.unwatched)),
        ready=lambda: None if one.ready else "not watching yet",
        refresh=lambda: one.metrics.queue_standstill_seconds.set(one.standstill),
    )
    await server.start(0, "127.0.0.1")
    one.url = f"http://127.0.0.1:{server.port}"
    yield one
    await server.stop()


async def fetch(url: str, **headers: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as response:
        return response.status, await response.text()


async def test_alive_while_the_queue_moves(served: Served) -> None:
    assert await fetch(f"{served.url}/healthz") == (200, "ok\n")
    served.standstill = 61.0
    code, text = await fetch(f"{served.url}/healthz")
    assert code == 503
    assert "61 s" in text


async def test_s39_alive_while_watches_are_opened_now_and_then(served: Served) -> None:
    # Every watch is opened anew after 330 s at the latest.
    served.unwatched = 335.0
    assert await fetch(f"{served.url}/healthz") == (200, "ok\n")
    served.unwatched = 400.0
    code, text = await fetch(f"{served.url}/healthz")
    assert code == 503
    assert "no watch was opened anew for 400 s" in text


async def test_ready_once_it_watches(served: Served) -> None:
    assert await fetch(f"{served.url}/readyz") == (503, "not watching yet\n")
    served.ready = True
    assert await fetch(f"{served.url}/readyz") == (200, "ok\n")


@pytest.mark.parametrize("accept", ["", "application/openmetrics-text; version=1.0.0"])
async def test_metrics_are_served_in_either_format(served: Served, accept: str) -> None:
    served.standstill = 12.0
    served.metrics.observe_api_request("apply", "Service", "200")
    code, text = await fetch(f"{served.url}/metrics", Accept=accept)
    assert code == 200
    assert 'tidegate_api_requests_total{verb="apply",kind="Service",code="200"} 1.0' in _sorted_labels(text)
    assert "tidegate_queue_standstill_seconds 12.0" in text
    for name in ("reconcile_total", "queue_depth", "queue_latency_seconds", "rollouts_total", "verdicts_total"):
        assert f"tidegate_{name.removesuffix('_total')}" in text
    assert text.endswith("# EOF\n") == bool(accept)


def _sorted_labels(text: str) -> str:
    return text.replace('code="200",kind="Service",verb="apply"', 'verb="apply",kind="Service",code="200"')
