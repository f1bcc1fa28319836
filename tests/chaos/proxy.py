"""A proxy between the operator and the API server: it counts the operator's writes, and makes requests go wrong."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import ClientResponse, web

from tests.chaos.api import Api

Moment = Literal["before", "after"]

WRITES = ("POST", "PUT", "PATCH", "DELETE")
# Those of the connection to the proxy, not of the request.
OWN_HEADERS = {"host", "connection", "content-length", "authorization", "accept-encoding", "transfer-encoding"}


@dataclass(frozen=True)
class Call:
    """One request of the operator.

    Attributes
    ----------
    index
        Number of the write, from 0 since `FaultProxy.arm`; None for a read.
    plural, name, subresource
        What it is about; empty where it names none.
    """

    method: str
    path: str
    query: Mapping[str, str]
    body: bytes
    index: int | None

    @property
    def _parts(self) -> list[str]:
        parts = self.path.strip("/").split("/")
        return parts[parts.index("namespaces") + 2 :] if "namespaces" in parts[:-2] else parts[-1:]

    @property
    def plural(self) -> str:
        return self._parts[0]

    @property
    def name(self) -> str:
        return "".join(self._parts[1:2])

    @property
    def subresource(self) -> str:
        return "".join(self._parts[2:3])

    @property
    def about(self) -> str:
        """Name of the object, or of the one an Event is about."""
        if self.plural == "events" and self.body:
            return str(json.loads(self.body)["regarding"]["name"])
        return self.name

    def __str__(self) -> str:
        return " ".join(part for part in (self.method, self.plural, self.subresource) if part)


@dataclass(frozen=True)
class Fault:
    """What becomes of a request.

    Attributes
    ----------
    effect
        ``kill``: the operator is killed. ``cut``: the connection is cut. ``hang``: no answer comes. ``refuse``: `code`
        is answered.
    moment
        ``after``: the API server has done what was asked, and its answer is not handed on.
    """

    effect: Literal["kill", "cut", "hang", "refuse"]
    moment: Moment = "before"
    code: int = 500
    headers: Mapping[str, str] = field(default_factory=dict)
    reason: str = "InternalError"


Faults = Callable[[Call], Fault | None]


def no_fault(call: Call) -> Fault | None:
    """Let everything through."""
    return None


class FaultProxy:
    """Serves one operator on a port of its own, without credentials; watches stream through.

    Attributes
    ----------
    writes
        Every write since `arm`.
    struck
        Every request that met a fault since `arm`, with the fault.
    """

    def __init__(self, api: Api, kill: Callable[[], Awaitable[None]]) -> None:
        self.writes: list[Call] = []
        self.struck: list[tuple[Call, Fault]] = []
        self.port = 0
        self._api = api
        self._kill = kill
        self._faults: Faults = no_fault
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._transports: set[asyncio.BaseTransport] = set()
        self._streams: dict[web.StreamResponse, Call] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        application = web.Application(client_max_size=2**24)
        application.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        self._site: web.TCPSite | None = None

    @property
    def url(self) -> str:
        """Where the operator finds it."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Listen on a free port."""
        await self._runner.setup()
        await self.up()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening and let go of every connection."""
        self.arm()
        self.thaw()
        await self._runner.cleanup()

    # ---- faults ----------------------------------------------------------------------------------------------------

    def arm(self, faults: Faults = no_fault) -> None:
        """Count writes anew, and let these faults happen."""
        self._faults = faults
        self.writes, self.struck = [], []

    async def down(self) -> None:
        """Be out of reach: connections are cut, new ones refused."""
        if self._site is not None:
            await self._site.stop()
            self._site = None
        await self.cut()

    async def cut(self) -> None:
        """Cut every connection there is."""
        for transport in list(self._transports):
            transport.abort()  # type: ignore[attr-defined]
        self._transports.clear()

    async def up(self) -> None:
        """Be within reach, at the same address as before."""
        self._site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await self._site.start()

    def freeze(self) -> None:
        """Keep every connection open and hand nothing on any more, in either direction."""
        self._flowing.clear()

    def thaw(self) -> None:
        """Hand on again."""
        self._flowing.set()

    async def inject(self, event: Mapping[str, Any]) -> int:
        """Send an event into every open watch; returns their number."""
        streams = list(self._streams)
        for stream in streams:
            await stream.write(json.dumps(event).encode() + b"\n")
        return len(streams)

    # ---- requests --------------------------------------------------------------------------------------------------

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        await self._flowing.wait()
        if request.transport is not None:
            self._transports.add(request.transport)
        call = await self._read(request)
        fault = self._faults(call)
        if fault is not None:
            self.struck.append((call, fault))
        if fault is not None and fault.moment == "before":
            return await self._strike(request, fault)
        async with self._forward(request, call) as answer:
            if "watch" in call.query:
                return await self._stream(request, call, answer)
            body = await answer.read()
        if fault is not None:
            return await self._strike(request, fault)
        return web.Response(body=body, status=answer.status, headers=_headers(answer))

    async def _read(self, request: web.Request) -> Call:
        index = None
        body = await request.read()
        if request.method in WRITES:
            index = len(self.writes)
        call = Call(request.method, request.path, dict(request.query), body, index)
        if index is not None:
            self.writes.append(call)
        return call

    def _forward(self, request: web.Request, call: Call) -> Any:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in OWN_HEADERS}
        url = f"{self._api.url}{request.raw_path}"
        return self._api.session.request(call.method, url, data=call.body or None, headers=headers)

    async def _stream(self, request: web.Request, call: Call, answer: ClientResponse) -> web.StreamResponse:
        response = web.StreamResponse(status=answer.status, headers=_headers(answer))
        await response.prepare(request)
        self._streams[response] = call
        try:
            with contextlib.suppress(ConnectionError):
                async for line in answer.content:
                    await self._flowing.wait()
                    await response.write(line)
        finally:
            del self._streams[response]
        return response

    async def _strike(self, request: web.Request, fault: Fault) -> web.StreamResponse:
        if fault.effect == "refuse":
            status: dict[str, Any] = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": fault.code}
            status |= {"reason": fault.reason, "message": f"a fault of the test: {fault.reason}"}
            return web.json_response(status, status=fault.code, headers=fault.headers)
        if fault.effect == "hang":
            await asyncio.Event().wait()
        if fault.effect == "kill":
            # In a task of its own: with its client dead, this handler is cancelled.
            task = asyncio.create_task(self._kill_operator())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            await asyncio.shield(task)
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    async def _kill_operator(self) -> None:
        await self._kill()


def _headers(answer: ClientResponse) -> dict[str, str]:
    return {name: answer.headers[name] for name in ("Content-Type", "Retry-After") if name in answer.headers}
