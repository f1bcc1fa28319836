"""A replica that does not lead sends no write, whoever asks for it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from kubernetes.aio.client.configuration import Configuration

from tests.component.conftest import Server
from tidegate.api.names import API_GROUP, KIND, VERSION
from tidegate.clients.errors import LeadershipLost
from tidegate.clients.kube import Kube
from tidegate.clients.transport import Transport

OBJECT = {
    "apiVersion": f"{API_GROUP}/{VERSION}",
    "kind": KIND,
    "metadata": {"name": "filetype", "namespace": "demo", "uid": "u-1", "resourceVersion": "3"},
}

WRITES: dict[str, Callable[[Kube], Awaitable[Any]]] = {
    "apply": lambda kube: kube.apply(OBJECT),
    "replace": lambda kube: kube.replace(OBJECT),
    "replace_status": lambda kube: kube.replace_status(OBJECT),
    "scale": lambda kube: kube.scale("Deployment", "demo", "x", 3, version="7"),
    "delete": lambda kube: kube.delete("Pod", "demo", "x"),
}
READS: dict[str, Callable[[Kube], Awaitable[Any]]] = {
    "get": lambda kube: kube.get("Pod", "demo", "x"),
    "list": lambda kube: kube.list("Pod", "demo"),
    "serves": lambda kube: kube.serves("HTTPRoute"),
}


class Fenced:
    """A client that may write while `leading`."""

    def __init__(self, url: str) -> None:
        self.leading = True
        configuration = Configuration(host=url)

        async def reload() -> Configuration:
            return configuration

        self.kube = Kube(Transport(configuration, reload=reload, guard=self._check))

    def _check(self) -> None:
        if not self.leading:
            raise LeadershipLost("another one leads")


@pytest.fixture
async def fenced(server: Server) -> AsyncIterator[Fenced]:
    one = Fenced(server.url)
    yield one
    await one.kube.close()


@pytest.mark.parametrize("name", WRITES)
async def test_s36_no_write_is_sent_without_the_lead(fenced: Fenced, server: Server, name: str) -> None:
    await WRITES[name](fenced.kube)
    assert len(server.seen) == 1
    fenced.leading = False
    with pytest.raises(LeadershipLost):
        await WRITES[name](fenced.kube)
    assert len(server.seen) == 1


@pytest.mark.parametrize("name", READS)
async def test_reading_is_free(fenced: Fenced, name: str) -> None:
    fenced.leading = False
    await READS[name](fenced.kube)


async def test_no_event_is_sent_without_the_lead(fenced: Fenced, server: Server) -> None:
    fenced.leading = False
    await fenced.kube.create_event(OBJECT, type="Normal", reason="Promoted", message="")
    assert server.seen == []


@pytest.mark.parametrize("code", [401, 429])
async def test_s36_a_second_attempt_needs_the_lead_anew(fenced: Fenced, server: Server, code: int) -> None:
    async def lose_the_lead(request: web.Request, body: Any) -> web.StreamResponse:
        fenced.leading = False
        return web.json_response({"kind": "Status"}, status=code, headers={"Retry-After": "0"})

    server.respond = lose_the_lead
    with pytest.raises(LeadershipLost):
        await fenced.kube.apply(OBJECT)
    assert len(server.seen) == 1
