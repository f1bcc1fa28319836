"""Prometheus's client against a server that misbehaves in every way we know of."""

import asyncio
import math
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.component.conftest import Server
from tidegate.clients.errors import MetricsUnavailable
from tidegate.clients.prometheus import Prometheus
from tidegate.judge.queries import Outcome, UserQuery, read_answer
from tidegate.judge.samples import Series

QUERY = 'up{job="envoy"}[300s]'
PATIENCE = 0.3

Respond = Callable[[web.Request, Any], Awaitable[web.StreamResponse]]


@pytest.fixture
def observed() -> list[str]:
    """What the client told its observer."""
    return []


@pytest.fixture
async def prometheus(server: Server, observed: list[str]) -> AsyncIterator[Prometheus]:
    async with Prometheus(server.url, timeout=PATIENCE, observe=observed.append) as client:
        yield client


def result(result_type: str, elements: Any, **more: Any) -> dict[str, Any]:
    return {"status": "success", "data": {"resultType": result_type, "result": elements}, **more}


def answering(
    body: Any, code: int = 200, headers: dict[str, str] | None = None, content_type: str = "application/json"
) -> Respond:
    async def respond(request: web.Request, form: Any) -> web.StreamResponse:
        if isinstance(body, str):
            return web.Response(text=body, status=code, headers=headers, content_type=content_type)
        return web.json_response(body, status=code, headers=headers)

    return respond


async def test_raw_samples_come_as_prometheus_has_them(
    prometheus: Prometheus, server: Server, observed: list[str]
) -> None:
    now = time.time()
    elements = [
        {"metric": {"__name__": "up", "pod": "p1"}, "values": [[now - 15, "1"], [now, "0"]]},
        {"metric": {}, "values": [[now, "NaN"], [now, "+Inf"], [now, "1e3"]]},
    ]
    server.respond = answering(result("matrix", elements, warnings=["something"]))
    first, second = await prometheus.range_samples(QUERY, now)
    assert first == Series({"__name__": "up", "pod": "p1"}, ((now - 15, 1.0), (now, 0.0)))
    assert math.isnan(second.samples[0][1])
    assert [value for _, value in second.samples[1:]] == [math.inf, 1000.0]
    (exchange,) = server.seen
    assert (exchange.method, exchange.path) == ("POST", "/api/v1/query")
    assert exchange.body == {"query": QUERY, "time": repr(now)}
    assert observed == ["ok"]


async def test_nothing_found_is_an_empty_list(prometheus: Prometheus, server: Server) -> None:
    server.respond = answering(result("matrix", []))
    assert await prometheus.range_samples(QUERY, time.time()) == []


async def test_instant_gives_the_whole_answer(prometheus: Prometheus, server: Server) -> None:
    answer = result("vector", [{"metric": {}, "value": [1, "0.93"]}])
    server.respond = answering(answer)
    assert await prometheus.instant("avg(accuracy)", time.time()) == answer


MISBEHAVIOUR: dict[str, tuple[Respond, str, str]] = {
    "503": (answering("overloaded", 503), "HttpStatus", "answered HTTP 503"),
    "503 with words": (answering({"status": "error", "error": "shutting down"}, 503), "HttpStatus", "shutting down"),
    "404": (answering("404 page not found", 404), "HttpStatus", "answered HTTP 404"),
    "401": (answering("who are you", 401), "HttpStatus", "answered HTTP 401"),
    "400 of a proxy": (answering("<html>Bad request</html>", 400), "HttpStatus", "answered HTTP 400"),
    "login page": (answering("", 302, {"Location": "/login"}), "Redirected", "redirects elsewhere"),
    "HTML with 200": (answering("<html>Sign in</html>", content_type="text/html"), "NotJson", "found text/html"),
    "truncated": (answering('{"status": "success", "data": {"resu'), "NotJson", "expected JSON"),
    "empty": (answering(""), "NotJson", "expected JSON"),
    "a list": (answering([1, 2]), "BadShape", "found a JSON list"),
    "no data": (answering({"status": "success"}), "BadShape", "found no data.resultType"),
    "null result": (answering(result("matrix", None)), "BadShape", "found no data.resultType"),
    "error with 200": (answering({"status": "error", "error": "no quorum"}), "BadShape", "no quorum"),
    "a vector": (answering(result("vector", [])), "BadShape", "found a vector"),
    "values missing": (answering(result("matrix", [{"metric": {}}])), "BadShape", "without labels and values"),
    "labels missing": (answering(result("matrix", [{"values": []}])), "BadShape", "without labels and values"),
    "no number": (answering(result("matrix", [{"metric": {}, "values": [[1, "x"]]}])), "BadShape", "ValueError"),
    "triples": (answering(result("matrix", [{"metric": {}, "values": [[1, "1", 2]]}])), "BadShape", "TypeError"),
    "not a pair": (answering(result("matrix", [{"metric": {}, "values": [1]}])), "BadShape", "TypeError"),
    "refused query": (
        answering({"status": "error", "errorType": "bad_data", "error": "parse error at 1:3"}, 400),
        "QueryRejected",
        "parse error at 1:3",
    ),
    "5 minutes ahead": (
        answering(result("matrix", []), headers={"Date": formatdate(time.time() + 300, usegmt=True)}),
        "ClockSkew",
        "ahead of the time asked about",
    ),
    "5 minutes behind": (
        answering(result("matrix", []), headers={"Date": formatdate(time.time() - 300, usegmt=True)}),
        "ClockSkew",
        "behind the time asked about",
    ),
}


@pytest.mark.parametrize("way", MISBEHAVIOUR)
async def test_s20_whatever_is_wrong_is_metrics_unavailable(
    prometheus: Prometheus, server: Server, observed: list[str], way: str
) -> None:
    server.respond, reason, words = MISBEHAVIOUR[way]
    with pytest.raises(MetricsUnavailable) as caught:
        await prometheus.range_samples(QUERY, time.time())
    assert caught.value.reason == reason
    assert words in caught.value.message
    assert server.url in caught.value.message
    assert len(server.seen) == 1, "a failure is never tried again behind our back"
    assert observed in ([reason], ["ok"], ["error"])


async def test_s20_refused(refusing_url: str) -> None:
    async with Prometheus(refusing_url, timeout=PATIENCE) as client:
        with pytest.raises(MetricsUnavailable) as caught:
            await client.range_samples(QUERY, time.time())
    assert caught.value.reason == "Refused"


async def test_s20_a_host_that_does_not_exist() -> None:
    async with Prometheus("http://prometheus.invalid:9090", timeout=PATIENCE) as client:
        with pytest.raises(MetricsUnavailable) as caught:
            await client.range_samples(QUERY, time.time())
    assert caught.value.reason == "Unreachable"


async def test_s20_slow_to_begin(prometheus: Prometheus, server: Server) -> None:
    async def respond(request: web.Request, form: Any) -> web.StreamResponse:
        await asyncio.sleep(30)
        return web.Response()

    server.respond = respond
    await _expect_timeout(prometheus)


async def test_s20_an_answer_that_drips_is_given_up_in_time(prometheus: Prometheus, server: Server) -> None:
    async def respond(request: web.Request, form: Any) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000000"})
        await response.prepare(request)
        for _ in range(300):
            await response.write(b" ")
            await asyncio.sleep(0.1)
        return response

    server.respond = respond
    await _expect_timeout(prometheus)


async def test_s20_an_answer_that_stops_is_given_up_in_time(prometheus: Prometheus, server: Server) -> None:
    async def respond(request: web.Request, form: Any) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b'{"status"')
        await asyncio.sleep(30)
        return response

    server.respond = respond
    await _expect_timeout(prometheus)


async def _expect_timeout(prometheus: Prometheus) -> None:
    started = time.monotonic()
    with pytest.raises(MetricsUnavailable) as caught:
        await prometheus.range_samples(QUERY, time.time())
    assert caught.value.reason == "Timeout"
    assert time.monotonic() - started < 2 + 3 * PATIENCE


async def test_s20_a_connection_cut_in_the_answer(prometheus: Prometheus, server: Server) -> None:
    async def respond(request: web.Request, form: Any) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b'{"status"')
        assert request.transport is not None
        request.transport.close()
        return response

    server.respond = respond
    with pytest.raises(MetricsUnavailable) as caught:
        await prometheus.range_samples(QUERY, time.time())
    assert caught.value.reason in {"Unreachable", "NotJson"}


async def test_s20_an_answer_without_end_is_cut_off(
    prometheus: Prometheus, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tidegate.clients.prometheus.LARGEST_ANSWER_BYTES", 1000)
    server.respond = answering(" " * 2000)
    with pytest.raises(MetricsUnavailable) as caught:
        await prometheus.range_samples(QUERY, time.time())
    assert caught.value.reason == "TooLarge"


async def test_s20_a_hanging_prometheus_holds_up_nobody_else(server: Server) -> None:
    async def respond(request: web.Request, form: Any) -> web.StreamResponse:
        await asyncio.sleep(30)
        return web.Response()

    server.respond = respond
    async with Prometheus(server.url, timeout=PATIENCE) as client:
        queries = [asyncio.create_task(client.range_samples(QUERY, time.time())) for _ in range(20)]
        started = time.monotonic()
        await asyncio.to_thread(time.monotonic)
        assert time.monotonic() - started < PATIENCE
        outcomes = await asyncio.gather(*queries, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {MetricsUnavailable}


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (result("vector", [{"metric": {}, "value": [0, "NaN"]}]), Outcome.NoData),
        (result("vector", [{"metric": {}, "value": [0, "+Inf"]}]), Outcome.NoData),
        (result("vector", []), Outcome.NoData),
        (result("vector", [{"metric": {"a": c}, "value": [0, "1"]} for c in "xy"]), Outcome.Error),
        (result("matrix", []), Outcome.Error),
        (result("scalar", [0, "0.95"]), Outcome.Pass),
        (result("scalar", [0, "0.85"]), Outcome.Fail),
    ],
)
async def test_s20_odd_answers_to_a_users_query_never_pass_as_good(
    prometheus: Prometheus, server: Server, answer: dict[str, Any], outcome: Outcome
) -> None:
    server.respond = answering(answer)
    found = await prometheus.instant("accuracy", time.time())
    assert read_answer(UserQuery("accuracy", "0.9"), found).outcome is outcome


@pytest.mark.parametrize("code", [400, 422])
async def test_s44_a_query_that_does_not_parse_is_told_in_prometheus_words(
    prometheus: Prometheus, server: Server, observed: list[str], code: int
) -> None:
    words = '1:5: parse error: unexpected "}"'
    server.respond = answering({"status": "error", "errorType": "bad_data", "error": words}, code)
    answer = await prometheus.instant("sum(}", time.time())
    verdict = read_answer(UserQuery("accuracy", "0.9"), answer)
    assert verdict.outcome is Outcome.Error
    assert words in verdict.message
    assert observed == ["error"]


async def test_credentials_are_sent_and_never_shown(server: Server) -> None:
    url = server.url.replace("http://", "http://reader:hunter2@")
    server.respond = answering("no", 503)
    async with Prometheus(url, timeout=PATIENCE) as client:
        with pytest.raises(MetricsUnavailable) as caught:
            await client.range_samples(QUERY, time.time())
        assert "hunter2" not in client.address + caught.value.message
    assert server.seen[0].headers["Authorization"].startswith("Basic ")


async def test_a_rotated_token_and_the_tenant_go_with_every_query(server: Server, tmp_path: Path) -> None:
    token = tmp_path / "token"
    server.respond = answering(result("matrix", []))
    headers = {"X-Scope-OrgID": "demo"}
    async with Prometheus(server.url, bearer_token_file=str(token), headers=headers, timeout=PATIENCE) as client:
        with pytest.raises(MetricsUnavailable) as caught:
            await client.range_samples(QUERY, time.time())
        assert caught.value.reason == "TokenUnreadable"
        for content in ("first\n", "second\n"):
            token.write_text(content)
            await client.range_samples(QUERY, time.time())
    assert [exchange.headers["Authorization"] for exchange in server.seen] == ["Bearer first", "Bearer second"]
    assert {exchange.headers["X-Scope-OrgID"] for exchange in server.seen} == {"demo"}


async def test_an_unknown_certificate_is_refused_and_the_setting_named(tls_url: tuple[str, Path]) -> None:
    url, authority = tls_url
    async with Prometheus(url, timeout=PATIENCE) as client:
        with pytest.raises(MetricsUnavailable, match=r"check prometheus\.caFile") as caught:
            await client.range_samples(QUERY, time.time())
    assert caught.value.reason == "Tls"
    async with Prometheus(url, ca_file=str(authority), timeout=PATIENCE) as client:
        assert await client.range_samples(QUERY, time.time()) == []


@pytest.fixture
async def tls_url(certificate: tuple[Path, Path]) -> AsyncIterator[tuple[str, Path]]:
    """A server with a certificate nobody else vouches for, and that certificate."""

    async def handle(request: web.Request) -> web.Response:
        return web.json_response(result("matrix", []))

    application = web.Application()
    application.router.add_post("/api/v1/query", handle)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    yield f"https://127.0.0.1:{runner.addresses[0][1]}", certificate[0]
    await runner.cleanup()
