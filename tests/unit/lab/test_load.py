"""The load generator counts at the client what a real HTTP server did to each request."""

import asyncio
import itertools
import json
import math
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from lab.load import (
    UNKNOWN_REVISION,
    Arrivals,
    Failure,
    Load,
    Record,
    RevisionCounts,
    main,
    require_local,
    summarize,
)


class Server:
    """What the server saw, and a switch for how it answers."""

    def __init__(self) -> None:
        self.url = ""
        self.hosts: list[str] = []
        self.bodies: list[bytes] = []
        self.connections: set[object] = set()
        self.busy = asyncio.Event()
        self.release = asyncio.Event()

    async def answer(self, request: web.Request) -> web.Response:
        self.hosts.append(request.host)
        self.bodies.append(await request.read())
        self.connections.add(request.transport)
        number = len(self.hosts)
        if number == 5:
            self.busy.set()
        if request.path == "/hang":
            await self.release.wait()
        if request.path == "/drop" and request.transport is not None:
            request.transport.close()
        failing = request.path in {"/500", "/400"} and number % 2 == 0
        status = int(request.path[1:]) if failing else 200
        return web.Response(status=status, headers={"x-model-revision": f"r{number % 2}"})


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    seen = Server()
    application = web.Application()
    application.router.add_post("/{path:.*}", seen.answer)
    async with TestServer(application, host="127.0.0.1") as running:
        seen.url = str(running.make_url("/"))
        yield seen
        seen.release.set()


async def run(url: str, **options: object) -> Load:
    async with Load(url, **{"rate": 100, "max_seconds": 0.3, "arrivals": Arrivals.EVEN, **options}) as load:  # type: ignore[arg-type]
        await load.wait()
    return load


async def test_every_planned_request_is_sent_and_counted_by_revision(server: Server) -> None:
    summary = (await run(server.url, host="m.example.com", body=b"tensor")).summary()
    assert summary.requests == 30
    assert summary.failed == summary.lost == 0
    assert summary.statuses == {200: 30}
    assert summary.revisions == {"r0": RevisionCounts(15, 0), "r1": RevisionCounts(15, 0)}
    assert set(server.hosts) == {"m.example.com"}
    assert set(server.bodies) == {b"tensor"}


async def test_connections_are_kept_alive(server: Server) -> None:
    await run(server.url, concurrency=2)
    assert len(server.connections) <= 2


@pytest.mark.parametrize(("path", "failure"), [("500", Failure.SERVER_ERROR), ("400", Failure.CLIENT_ERROR)])
async def test_a_failed_answer_counts_for_the_revision_that_gave_it(
    server: Server, path: str, failure: Failure
) -> None:
    summary = (await run(server.url + path)).summary()
    assert summary.failures == {failure: 15}
    assert summary.statuses == {200: 15, int(path): 15}
    assert summary.failed_by("r0") == 15
    assert summary.failed_by("r1") == summary.lost == 0


async def test_a_request_given_up_is_lost(server: Server) -> None:
    load = await run(server.url + "hang", timeout_seconds=0.1)
    summary = load.summary()
    assert summary.failures == {Failure.TIMEOUT: 30}
    assert summary.lost == summary.failed_by(UNKNOWN_REVISION) == 30
    assert summary.p50_milliseconds is None
    assert all(record.seconds >= 0.1 for record in load.records)


async def test_a_closed_connection_is_lost(server: Server) -> None:
    assert (await run(server.url + "drop")).summary().failures == {Failure.CONNECTION: 30}


async def test_a_refused_connection_is_lost(unused_tcp_port: int) -> None:
    summary = (await run(f"http://127.0.0.1:{unused_tcp_port}/")).summary()
    assert summary.failures == {Failure.CONNECTION: 30}


async def test_more_than_the_concurrency_is_told_not_hidden(server: Server) -> None:
    summary = (await run(server.url + "hang", concurrency=10, timeout_seconds=0.5)).summary()
    assert summary.failures == {Failure.TIMEOUT: 10, Failure.NOT_SENT: 20}


async def test_a_slow_server_does_not_slow_the_arrivals(server: Server) -> None:
    load = await run(server.url + "hang", timeout_seconds=0.5, max_seconds=0.2)
    starts = sorted(record.start for record in load.records)
    assert len(starts) == 20
    assert starts[-1] - starts[0] == pytest.approx(0.19, abs=0.001)


async def test_leaving_the_context_waits_for_requests_under_way(server: Server) -> None:
    async with Load(server.url + "hang", rate=200, timeout_seconds=5) as load:
        await asyncio.wait_for(server.busy.wait(), timeout=5)
        server.release.set()
    assert len(load.records) >= 5
    assert load.summary().failed == 0


async def test_poisson_arrivals_are_reproducible_and_irregular(server: Server) -> None:
    runs = [await run(server.url, arrivals=Arrivals.POISSON, seed=7) for _ in range(2)]
    first, second = (sorted(record.start for record in load.records) for load in runs)
    gaps = [b - a for a, b in itertools.pairwise(first)]
    assert len(first) == len(second)
    assert max(gaps) > 2 * sum(gaps) / len(gaps)


def test_a_summary_covers_planned_starts_from_since_to_before_until() -> None:
    load = Load("http://127.0.0.1/")
    load.records = [Record(second, 0.01, 200, "r1", None) for second in (1.0, 2.0, 3.0)]
    assert load.summary(since=2).requests == 2
    assert load.summary(until=2).requests == 1
    assert load.summary(since=2, until=3).requests == 1


def test_quantiles_are_of_answered_requests_only() -> None:
    answered = [Record(0, milliseconds / 1000, 200, "r1", None) for milliseconds in range(1, 101)]
    summary = summarize([*answered, Record(0, 10.0, None, "", Failure.TIMEOUT)])
    assert summary.p50_milliseconds is not None
    assert math.isclose(summary.p50_milliseconds, 51)
    assert summary.p99_milliseconds == pytest.approx(100)


def test_nothing_sent_is_an_empty_summary() -> None:
    summary = summarize([])
    assert (summary.requests, summary.failed, summary.lost, summary.failed_by("r1")) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000/", "http://localhost/", "http://[::1]/", "http://10.96.3.4/v2", "http://10.244.0.9/"]
)
def test_addresses_of_this_machine_are_accepted(url: str) -> None:
    require_local(url)


@pytest.mark.parametrize("url", ["http://example.com/", "http://192.0.2.1/", "http://10.0.0.1/", "no-url"])
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="load goes to this machine only: found host"):
        Load(url)


@pytest.mark.parametrize("rate", [0, -1, 20_000])
def test_an_absurd_rate_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="rate must lie above 0"):
        Load("http://127.0.0.1/", rate=rate)


async def test_the_command_prints_the_summary(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    body = tmp_path / "body"
    body.write_bytes(b"hello")
    arguments = ["--url", server.url, "--body", str(body), "--header", "Content-Type: text/plain"]
    arguments += ["--rate", "50", "--seconds", "0.2", "--arrivals", "even"]
    assert await asyncio.to_thread(main, arguments) == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["requests"], printed["failed"]) == (10, 0)
    assert server.bodies == [b"hello"] * 10


def test_the_command_refuses_another_machine(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--url", "http://example.com/"]) == 2
    assert "this machine only" in capsys.readouterr().err
