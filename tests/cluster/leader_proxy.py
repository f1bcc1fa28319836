"""Between one operator and the API server: sees every exchange, and can stop one at any point."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web
from kubernetes.aio.client.configuration import Configuration

# Of one hop only.
HOP_HEADERS = {"connection", "content-length", "content-encoding", "host", "transfer-encoding"}


@dataclass(frozen=True)
class Exchange:
    """One request; `code` is 0 while it is on its way to the API server."""

    method: str
    path: str
    body: bytes
    code: int = 0

    @property
    def is_write(self) -> bool:
        """Whether it may change something, the Lease aside."""
        return self.method != "GET" and "/leases/" not in self.path

    def writes(self, what: str) -> bool:
        """Whether it writes something whose path ends so."""
        return self.method != "GET" and self.path.endswith(what)


Stop = Callable[[Exchange], Awaitable[None]]


async def go_on(exchange: Exchange) -> None:
    """Stop nothing."""


@dataclass
class Proxy:
    """An address without TLS for the API server.

    Attributes
    ----------
    before, after
        Awaited with every exchange on its way to the API server, and on its way back (watches only on their way there).
    seen
        Every exchange that was answered, in the order of the answers; watches when they begin.
    """

    before: Stop = go_on
    after: Stop = go_on
    seen: list[Exchange] = field(default_factory=list)
    url: str = ""
    _watches: set[object] = field(default_factory=set)

    def silence(self) -> None:
        """Deliver nothing more to the watches that are open now, and leave them open."""
        self._watches.clear()

    def answered(self, what: str) -> list[Exchange]:
        """Writes so far of what ends so."""
        return [exchange for exchange in self.seen if exchange.writes(what)]

    async def respond(self, request: web.Request, upstream: aiohttp.ClientSession) -> web.StreamResponse:
        """Hand one request on and its answer back."""
        body = await request.read()
        exchange = Exchange(request.method, request.path, body)
        await self.before(exchange)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP_HEADERS}
        async with upstream.request(request.method, request.path_qs, headers=headers, data=body or None) as answer:
            exchange = Exchange(request.method, request.path, body, answer.status)
            if "watch" in request.query:
                self.seen.append(exchange)
                return await self._stream(request, answer)
            content = await answer.read()
            self.seen.append(exchange)
            await self.after(exchange)
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in HOP_HEADERS}
            return web.Response(status=answer.status, headers=kept, body=content)

    async def _stream(self, request: web.Request, answer: aiohttp.ClientResponse) -> web.StreamResponse:
        response = web.StreamResponse(status=answer.status, headers={"Content-Type": answer.content_type})
        await response.prepare(request)
        watch = object()
        self._watches.add(watch)
        async for chunk in answer.content.iter_any():
            if watch not in self._watches:
                await asyncio.Event().wait()
            await response.write(chunk)
        return response


@asynccontextmanager
async def proxy_to(configuration: Configuration) -> AsyncIterator[Proxy]:
    """A proxy to the API server of `configuration`, with its credentials, for as long as the context is open."""
    context = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
    context.load_cert_chain(configuration.cert_file, configuration.key_file)
    connector = aiohttp.TCPConnector(ssl=context, limit=0)
    timeout = aiohttp.ClientTimeout(total=None)
    proxy = Proxy()
    async with aiohttp.ClientSession(configuration.host, connector=connector, timeout=timeout) as upstream:
        application = web.Application(client_max_size=2**24)

        async def handle(request: web.Request) -> web.StreamResponse:
            return await proxy.respond(request, upstream)

        application.router.add_route("*", "/{path:.*}", handle)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        proxy.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield proxy
        finally:
            await runner.cleanup()
