"""Stand-in for Prometheus: answers the operator's one query with raw samples of the stand-in gateway's counters."""

import re
from typing import Any

from aiohttp import web

from tests.chaos.gateway import Gateway, Route

PROXY = {"namespace": "gateways", "pod": "envoy-0", "instance": "10.0.0.9:19001", "job": "envoy"}
PRESENCE = "envoy_server_live"
FINISHED = "envoy_cluster_upstream_rq_completed"
ANSWERS = "envoy_cluster_upstream_rq_xx"
ROUTE = re.compile(r"httproute/([^/]+)/([^/]+)/rule/0/backend/0")
RANGE = re.compile(r"\[(\d+)s\]$")


class Prometheus:
    """Serves /api/v1/query on a free port of this machine."""

    def __init__(self, gateway: Gateway) -> None:
        self.url = ""
        self.queries = 0
        self._gateway = gateway
        application = web.Application()
        application.router.add_post("/api/v1/query", self._query)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)

    async def start(self) -> None:
        """Listen."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Stop listening."""
        await self._runner.cleanup()

    async def _query(self, request: web.Request) -> web.Response:
        self.queries += 1
        form = await request.post()
        query, moment = str(form["query"]), float(str(form["time"]))
        route, seconds = ROUTE.search(query), RANGE.search(query)
        if route is None or seconds is None:
            return web.json_response({"status": "error", "errorType": "bad_data", "error": query}, status=400)
        namespace, name = route.groups()
        result = _series(self._gateway.route(namespace, name), namespace, name, moment - int(seconds[1]), moment)
        return web.json_response({"status": "success", "data": {"resultType": "matrix", "result": result}})


def _series(route: Route, namespace: str, name: str, start: float, end: float) -> list[dict[str, Any]]:
    moments = list(route.scrapes(start, end))
    found: dict[str, tuple[dict[str, str], list[list[Any]]]] = {PRESENCE: ({}, [[moment, "1"] for moment in moments])}
    for index in (0, 1):
        backend = {"envoy_cluster_name": f"httproute/{namespace}/{name}/rule/0/backend/{index}"}
        counts = [(moment, count) for moment in moments if (count := route.count(index, moment)) is not None]
        finished = [[moment, str(count.finished)] for moment, count in counts]
        bad = [[moment, str(count.bad)] for moment, count in counts if count.bad]
        found[f"{FINISHED}{index}"] = (backend, finished)
        found[f"{ANSWERS}{index}"] = ({**backend, "envoy_response_code_class": "5"}, bad)
    return [
        {"metric": {"__name__": series.rstrip("01"), **PROXY, **labels}, "values": values}
        for series, (labels, values) in found.items()
        if values
    ]
