"""Stand-in for a gateway: takes routes up after a moment, and counts the requests its proxy would have counted."""

import asyncio
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import aiohttp

from tests.chaos.api import MERGE, Api, Key, Object, Refused
from tests.gateway_answers import accepted
from tidegate.clients.kinds import KINDS
from tidegate.gateways import ENVOY_GATEWAY

TAKE_UP_SECONDS = 0.15
REQUESTS_A_SECOND = 2000.0
WHOLE = 1_000_000


@dataclass(frozen=True)
class Span:
    """From `start` (Unix seconds) on, slots had these weights and revisions."""

    start: float
    weights: tuple[int, int]
    revisions: tuple[str, str]


@dataclass(frozen=True)
class Count:
    """A backend's counters."""

    finished: int
    bad: int


@dataclass
class Route:
    """Requests of one route: arriving evenly, divided by the weights in force.

    Attributes
    ----------
    bad
        Revision to the share of its requests answered 5xx.
    """

    bad: dict[str, float] = field(default_factory=dict)
    spans: list[Span] = field(default_factory=list)

    def take_up(self, span: Span) -> None:
        """The proxy uses other weights."""
        self.spans.append(span)

    def scrapes(self, start: float, end: float) -> Iterator[int]:
        """Moments in [start, end] at which the proxy was scraped: every second since it has had the route."""
        if self.spans:
            yield from range(max(math.ceil(start), math.ceil(self.spans[0].start)), math.floor(end) + 1)

    def count(self, index: int, moment: float) -> Count | None:
        """Counters of slot `index`: None while it has no weight, from zero whenever it comes to have some."""
        finished = bad = 0.0
        serving = False
        for span, end in self._until(moment):
            serving = span.weights[index] > 0
            if not serving:
                finished = bad = 0.0
                continue
            requests = REQUESTS_A_SECOND * span.weights[index] / WHOLE * (end - span.start)
            finished += requests
            bad += requests * self.bad.get(span.revisions[index], 0.0)
        return Count(int(finished), int(bad)) if serving else None

    def finished_between(self, start: float, end: float) -> float:
        """Requests of both slots that ended in that time."""
        spans = list(self._until(end))
        return sum(
            REQUESTS_A_SECOND * sum(span.weights) / WHOLE * max(0.0, until - max(span.start, start))
            for span, until in spans
        )

    def _until(self, moment: float) -> Iterator[tuple[Span, float]]:
        ends = [span.start for span in self.spans[1:]] + [math.inf]
        for span, end in zip(self.spans, ends, strict=True):
            if span.start < moment:
                yield span, min(end, moment)


class Gateway:
    """Answers every new generation of every HTTPRoute with Accepted and ResolvedRefs."""

    def __init__(self, api: Api) -> None:
        self.routes: dict[Key, Route] = {}
        self._api = api
        self._tasks: set[asyncio.Task[None]] = set()

    def route(self, namespace: str, name: str) -> Route:
        """Traffic of that route; there is some from the moment it exists."""
        return self.routes.setdefault((namespace, name), Route())

    def see(self, kind: str, item: Object, gone: bool) -> None:
        """Take notice of a change of an HTTPRoute."""
        if not gone and _taken_up(item) != item["metadata"]["generation"]:
            task = asyncio.create_task(self._take_up(item))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _take_up(self, item: Object) -> None:
        await asyncio.sleep(TAKE_UP_SECONDS)
        metadata, now = item["metadata"], datetime.now(UTC)
        traffic = self.route(metadata["namespace"], metadata["name"])
        traffic.take_up(Span(now.timestamp(), *_backends(item)))
        status = {"parents": [_parent(item, parent, now) for parent in item["spec"]["parentRefs"]]}
        path = KINDS["HTTPRoute"].path(metadata["namespace"], metadata["name"], "status")
        try:
            await self._api.send("PATCH", path, {"status": status}, MERGE)
        except (Refused, aiohttp.ClientError):
            # The route is gone, or a newer generation is answered for by another task.
            return


def _backends(item: Object) -> tuple[tuple[int, int], tuple[str, str]]:
    refs = item["spec"]["rules"][0]["backendRefs"]
    named = [ref["filters"][0]["requestHeaderModifier"]["set"][0]["value"] for ref in refs]
    return (refs[0]["weight"], refs[1]["weight"]), (named[0], named[1])


def _taken_up(item: Object) -> int:
    parents = (item.get("status") or {}).get("parents") or []
    return max((one["observedGeneration"] for parent in parents for one in parent["conditions"]), default=0)


def _parent(item: Object, parent: Mapping[str, object], now: datetime) -> Object:
    at = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    return accepted(parent, ENVOY_GATEWAY.controller_name, item["metadata"]["generation"], at)
