"""HTTP for the kubelet and for Prometheus: /healthz, /readyz, /metrics."""

from collections.abc import Callable

from aiohttp import web
from prometheus_client.exposition import choose_encoder

from tidegate.controller.handlers import CLIENT_TIMEOUT_SECONDS
from tidegate.controller.metrics import Metrics

STANDSTILL_SECONDS = 60.0
# No watch lasts longer than its time-out, however much it hears; then kopf opens it anew, or tries to again and again.
DEAF_SECONDS = CLIENT_TIMEOUT_SECONDS + 30.0

Check = Callable[[], str | None]
"""Gives None where all is well, else one sentence about what is not."""


def queue_moves(standstill: Callable[[], float]) -> Check:
    """Fail once work has been waiting for a minute without any reconcile ending.

    A reconcile that fails has ended: an API server that is down makes nothing unhealthy here.
    """

    def check() -> str | None:
        seconds = standstill()
        if seconds <= STANDSTILL_SECONDS:
            return None
        return f"work has been waiting for {seconds:.0f} s and no reconcile ended, expected one every minute at least"

    return check


def watch_is_tended(standstill: Callable[[], float]) -> Check:
    """Fail once no watch was opened anew, nor tried to be, for longer than any of them lasts.

    One watch that falls silent, or an API server that is down, makes nothing unhealthy here: kopf opens it anew. This
    is for the case that kopf itself hangs.
    """

    def check() -> str | None:
        seconds = standstill()
        if seconds <= DEAF_SECONDS:
            return None
        return f"no watch was opened anew for {seconds:.0f} s, expected every {CLIENT_TIMEOUT_SECONDS} s at least"

    return check


def all_of(*checks: Check) -> Check:
    """Fail with the first of `checks` that fails."""
    return lambda: next((trouble for check in checks if (trouble := check()) is not None), None)


class HealthServer:
    """Serves the three paths.

    Parameters
    ----------
    alive, ready
        Checks behind /healthz and /readyz.
    refresh
        Called before metrics are read, to set those that are computed on demand.
    """

    def __init__(self, metrics: Metrics, *, alive: Check, ready: Check, refresh: Callable[[], None]) -> None:
        self._metrics = metrics
        self._alive = alive
        self._ready = ready
        self._refresh = refresh
        application = web.Application()
        application.add_routes(
            [
                web.get("/healthz", self._healthz),
                web.get("/readyz", self._readyz),
                web.get("/metrics", self._scrape),
            ]
        )
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
        self.port = 0

    async def start(self, port: int, host: str | None = None) -> None:
        """Listen on `port` (0: any free one, see `port`) of `host`, of every address without one."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening."""
        await self._runner.cleanup()

    async def _healthz(self, request: web.Request) -> web.Response:
        return _answer(self._alive())

    async def _readyz(self, request: web.Request) -> web.Response:
        return _answer(self._ready())

    async def _scrape(self, request: web.Request) -> web.Response:
        self._refresh()
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(self._metrics.registry), headers={"Content-Type": content_type})


def _answer(trouble: str | None) -> web.Response:
    return web.Response(text="ok\n" if trouble is None else f"{trouble}\n", status=200 if trouble is None else 503)
