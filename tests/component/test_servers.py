"""Model servers that are asked what they take and give: by the reconciler, and over real HTTP."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiohttp import web

from tests.component.reconciling import NAME, PLENTY, Bench, Object, image
from tidegate.clients import triton
from tidegate.clients.errors import ServerUnavailable
from tidegate.clients.triton import TritonServers
from tidegate.runtimes.signature import Signature, Tensor

CHECKED: Object = {
    "steps": [{"schema": {}}, {"weight": {"percent": 5, "seconds": 10}}],
    "keepPreviousSeconds": 60,
    "analysis": {"bakeSeconds": 10, "maxSeconds": 600, "statistics": PLENTY},
}
SLOTS = {f"{NAME}-{letter}.demo:8000" for letter in "ab"}


async def checked() -> Bench:
    bench = Bench()
    await bench.serving()
    bench.edit(image("2"), rollout=CHECKED)
    return bench


async def test_both_servers_are_asked_by_their_slots_once_and_never_again() -> None:
    bench = await checked()
    assert bench.servers.asked == []
    candidate = bench.desired
    assert await bench.run(
        60, lambda: bench.status["rollout"].get("step", 0) == 1 if "rollout" in bench.status else False
    )
    assert set(bench.servers.asked) == {(address, NAME) for address in SLOTS}
    asked = len(bench.servers.asked)
    assert await bench.run(400, lambda: bench.status["stable"] == candidate)
    assert len(bench.servers.asked) == asked


async def test_s18_a_candidate_that_gives_something_else_never_gets_a_request() -> None:
    bench = await checked()
    usual = bench.servers.usual
    bench.servers.answers[f"{NAME}-b.demo:8000"] = replace(usual, outputs=(Tensor("y", "FP32", (-1, 4)),))
    assert await bench.run(60, lambda: bool(bench.status.get("rejected")))
    assert bench.cluster.weights() == [1_000_000, 0]
    assert bench.status["rejected"][0]["reason"] == "SchemaBreak"


async def test_a_server_out_of_reach_is_asked_again() -> None:
    bench = await checked()
    candidate = bench.desired
    bench.servers.answers[f"{NAME}-a.demo:8000"] = ServerUnavailable("filetype-a.demo:8000 did not answer within 5 s")
    assert not await bench.run(60, lambda: bench.status["stable"] == candidate)
    assert bench.status["rollout"]["hold"]["reason"] == "SchemaUnknown"
    assert 10 <= len(bench.servers.asked) <= 60
    bench.servers.answers.clear()
    assert await bench.run(400, lambda: bench.status["stable"] == candidate)


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
METADATA = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 4]}], "outputs": []}
CONFIG = {"max_batch_size": 2, "input": [{"name": "x"}]}


@asynccontextmanager
async def listening(metadata: Handler, config: Handler) -> AsyncIterator[str]:
    app = web.Application()
    app.add_routes([web.get("/v2/models/m", metadata), web.get("/v2/models/m/config", config)])
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[union-attr]
    finally:
        await runner.cleanup()


def answering(body: object, status: int = 200) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.json_response(body, status=status)

    return answer


async def never(request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(60)
    return web.Response()


async def test_what_triton_answers_is_read() -> None:
    async with listening(answering(METADATA), answering(CONFIG)) as address:
        found = await TritonServers().signature(address, "m")
    assert found == Signature((Tensor("x", "FP32", (-1, 4)),), (), max_batch_size=2)


@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        (answering({"error": "Request for unknown model: 'm' is not found"}, 400), "unknown model: 'm' is not found"),
        (answering(["a", "list"]), "gave an answer that cannot be read"),
        (
            answering({"inputs": [{"name": "x"}], "outputs": []}),
            "gave an answer that cannot be read: KeyError('datatype')",
        ),
        (never, "did not answer within 0.2 s"),
    ],
    ids=["unknown model", "not an object", "half of it", "silent"],
)
async def test_an_answer_that_is_none_says_why(metadata: Handler, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(triton, "TIMEOUT_SECONDS", 0.2)
    async with listening(metadata, answering(CONFIG)) as address:
        with pytest.raises(ServerUnavailable) as caught:
            await TritonServers().signature(address, "m")
    assert told in str(caught.value)
    assert address in str(caught.value)


async def test_a_server_that_is_not_there_says_so() -> None:
    with pytest.raises(ServerUnavailable, match="cannot be reached"):
        await TritonServers().signature("127.0.0.1:1", "m")
