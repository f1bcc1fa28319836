"""Watching, with kopf as it is, against a small API server."""

import asyncio
import functools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import kopf
import pytest
from kubernetes.aio.client.configuration import Configuration

from tests.component.api_server import ApiServer
from tests.component.conftest import Server
from tests.waiting import until
from tidegate.api.names import KIND
from tidegate.clients.kube import Kube
from tidegate.clients.transport import Transport
from tidegate.controller import kopf_thread
from tidegate.controller.handlers import OWNED_KINDS, build_settings
from tidegate.controller.metrics import Metrics
from tidegate.controller.watch import Watcher

EVERYTHING = (KIND, *OWNED_KINDS)


@dataclass
class Watching:
    """A watcher that runs, and the keys it handed over."""

    api: ApiServer
    watcher: Watcher
    metrics: Metrics
    keys: "asyncio.Queue[tuple[str, str]]"
    token: str = "bearer one"

    async def next_key(self) -> tuple[str, str]:
        async with asyncio.timeout(10):
            return await self.keys.get()


@asynccontextmanager
async def watching(server: Server, *installed: str) -> AsyncIterator[Watching]:
    api, metrics, keys = ApiServer(*installed), Metrics(), asyncio.Queue[tuple[str, str]]()
    server.respond = api.respond

    async def login() -> Configuration:
        configuration = Configuration(host=server.url)
        configuration.api_key["BearerToken"] = one.token
        return configuration

    one = Watching(api, None, metrics, keys)  # type: ignore[arg-type]
    kube = Kube(Transport(await login(), reload=login))
    one.watcher = Watcher(kube, keys.put_nowait, login, metrics, poll_seconds=0.05)
    task = asyncio.create_task(one.watcher.run())
    try:
        yield one
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await kube.close()


async def test_what_exists_and_what_happens_is_queued(server: Server) -> None:
    async with watching(server, *EVERYTHING) as one:
        one.api.objects[KIND].append(one.api.body(KIND, "present"))
        assert await one.next_key() == ("demo", "present")
        await one.api.until_watched(KIND)
        for event in ("ADDED", "MODIFIED", "DELETED"):
            one.api.send(KIND, event, one.api.body(KIND, f"own-{event.lower()}"))
            assert await one.next_key() == ("demo", f"own-{event.lower()}")
        for kind in OWNED_KINDS:
            await one.api.until_watched(kind)
            one.api.send(kind, "MODIFIED", one.api.child(kind, "some", owner=f"owner-of-{kind.lower()}"))
            assert await one.next_key() == ("demo", f"owner-of-{kind.lower()}")
        assert one.watcher.watching
        selectors = dict(one.api.watched)
        assert selectors == {KIND: "", **dict.fromkeys(OWNED_KINDS, "tidegate.dev/modeldeployment")}


async def test_kopf_only_reads(server: Server) -> None:
    async with watching(server, *EVERYTHING) as one:
        one.api.objects[KIND].append(one.api.body(KIND, "present"))
        await one.next_key()
        await one.api.until_watched("HTTPRoute")
    assert {exchange.method for exchange in server.seen} == {"GET"}
    read = {exchange.path.rpartition("/")[2] for exchange in server.seen}
    assert not {"customresourcedefinitions", "namespaces", "events", "kopfpeerings"} & read


async def test_a_gateway_api_installed_later_is_watched_from_then_on(server: Server) -> None:
    async with watching(server, *(kind for kind in EVERYTHING if kind != "HTTPRoute")) as one:
        await one.api.until_watched(KIND)
        one.api.send(KIND, "ADDED", one.api.body(KIND, "early"))
        assert await one.next_key() == ("demo", "early")
        one.api.installed.add("HTTPRoute")
        await one.api.until_watched("HTTPRoute")
        one.api.send("HTTPRoute", "MODIFIED", one.api.child("HTTPRoute", "filetype", "late"))
        assert await one.next_key() == ("demo", "late")


async def test_s38_a_crd_removed_and_put_back(server: Server) -> None:
    async with watching(server, *EVERYTHING) as one:
        await one.api.until_watched(KIND)
        one.api.remove(KIND)
        await until(lambda: not one.watcher.watching, "watching ends")
        one.api.installed.add(KIND)
        await one.api.until_watched(KIND, times=2)
        one.api.send(KIND, "ADDED", one.api.body(KIND, "again"))
        assert await one.next_key() == ("demo", "again")


async def test_s37_an_error_event_in_the_watch(server: Server) -> None:
    async with watching(server, *EVERYTHING) as one:
        await one.api.until_watched(KIND)
        status = {"kind": "Status", "code": 500, "message": "etcdserver: no leader"}
        one.api.send(KIND, "ERROR", status)
        await one.api.until_watched(KIND, times=2)
        one.api.send(KIND, "ADDED", one.api.body(KIND, "again"))
        assert await one.next_key() == ("demo", "again")
        assert one.metrics.registry.get_sample_value("tidegate_watch_restarts_total") == 1


async def test_s37_a_watch_that_expired_is_listed_anew_without_a_restart(server: Server) -> None:
    async with watching(server, *EVERYTHING) as one:
        await one.api.until_watched(KIND)
        one.api.objects[KIND].append(one.api.body(KIND, "missed"))
        one.api.send(KIND, "ERROR", {"kind": "Status", "code": 410, "message": "too old resource version"})
        assert await one.next_key() == ("demo", "missed")
        assert one.metrics.registry.get_sample_value("tidegate_watch_restarts_total") == 0


async def test_s38_a_rotated_token_is_taken_up(server: Server) -> None:
    async with watching(server, *EVERYTHING) as one:
        await one.api.until_watched(KIND)
        one.api.token = one.token = "bearer two"
        one.api.objects[KIND].append(one.api.body(KIND, "after"))
        one.api.send(KIND, "ERROR", {"kind": "Status", "code": 410, "message": "too old resource version"})
        assert await one.next_key() == ("demo", "after")
        await one.api.until_watched(KIND, times=2)
        one.api.send(KIND, "ADDED", one.api.body(KIND, "later"))
        while await one.next_key() != ("demo", "later"):
            # kopf may have had to be started anew, if a stream was just connecting; then it lists once more.
            pass


def test_s39_silence_is_noticed_before_the_events_missed_are_forgotten() -> None:
    assert build_settings().watching.inactivity_timeout < 75


@pytest.mark.parametrize("kind", EVERYTHING)
async def test_s39_a_silent_watch_of_any_kind_is_opened_anew(
    server: Server, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    def impatient(attempted: Callable[[], None]) -> kopf.OperatorSettings:
        settings = build_settings(attempted)
        settings.watching.inactivity_timeout = 0.3
        return settings

    monkeypatch.setattr(kopf_thread, "build_settings", impatient)
    async with watching(server, *EVERYTHING) as one:
        await one.api.until_watched(kind, times=3)
        assert one.metrics.registry.get_sample_value("tidegate_watch_restarts_total") == 0


async def test_s39_every_request_of_kopf_is_a_sign_of_life(server: Server) -> None:
    async with watching(server, *EVERYTHING) as one:
        for kind in EVERYTHING:
            await one.api.until_watched(kind)
        await until(lambda: one.watcher.standstill() > 0.3, "kopf has been quiet for a moment")
        quiet = one.watcher.standstill()
        one.api.send(KIND, "ERROR", {"kind": "Status", "code": 410, "message": "too old resource version"})
        await one.api.until_watched(KIND, times=2)
        assert one.watcher.standstill() < quiet


async def test_s39_kopf_that_hangs_gives_no_sign_of_life(server: Server) -> None:
    server.respond = ApiServer(*EVERYTHING).respond
    configuration = Configuration(host=server.url)
    configuration.api_key["BearerToken"] = "bearer one"

    async def login() -> Configuration:
        return configuration

    async def never() -> Configuration:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    kube = Kube(Transport(configuration, reload=login))
    watcher = Watcher(kube, lambda key: None, never, Metrics())
    assert watcher.standstill() == 0
    task = asyncio.create_task(watcher.run())
    await until(lambda: watcher.standstill() > 1, "nothing was sent for a second")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await kube.close()


async def test_an_api_server_that_comes_late_is_waited_for(server: Server, refusing_url: str) -> None:
    configuration = Configuration(host=refusing_url)

    async def login() -> Configuration:
        return configuration

    kube = Kube(Transport(configuration, reload=login))
    metrics = Metrics()
    watcher = Watcher(kube, lambda key: None, login, metrics)
    task = asyncio.create_task(watcher.run())
    restarts = functools.partial(metrics.registry.get_sample_value, "tidegate_watch_restarts_total")
    await until(lambda: restarts() == 3, "the third attempt")
    assert not watcher.watching
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await kube.close()
