"""Ask Prometheus what happened since the last counted interval, when one is over."""

import math
from datetime import datetime
from typing import Protocol

from tidegate.api.names import LETTERS, Letter
from tidegate.api.spec import Query
from tidegate.clients.errors import MetricsUnavailable
from tidegate.clients.prometheus import Answer
from tidegate.gateways import GatewayProfile, Gateways, edge_for, slot_series
from tidegate.judge.counts import CellCounts, Uncountable, count_cell, why_not_over, why_not_scraped
from tidegate.judge.grid import (
    LOOK_BEHIND_SECONDS,
    REACH_SECONDS,
    Cell,
    Grid,
    complete_cells,
    first_boundary,
    interval_length,
)
from tidegate.judge.queries import QueryResult, UserQuery, read_answer
from tidegate.judge.rules import Metric
from tidegate.judge.samples import (
    ProxySamples,
    Series,
    SlotSeries,
    group_by_proxy,
    scrape_times,
    stands_still,
    successful,
)
from tidegate.judge.strata import Counts, pooled
from tidegate.rollout.measuring import (
    SETTLE_SECONDS,
    Judged,
    Measurement,
    cell_seconds,
    cells_from,
    counted_from,
    judged_now,
    judged_until,
    latency_edge,
    next_due,
    rise_from,
)
from tidegate.rollout.observation import Observation
from tidegate.rollout.queries import fill_in
from tidegate.rollout.resource import Resource
from tidegate.rollout.traffic import slot_to_be_drained

QUIET_LOOK_SECONDS = 120
"""How far back is looked for the last two scrapes of each proxy."""


class Metrics(Protocol):
    """What this module needs of a metrics source."""

    async def range_samples(self, query: str, time: float) -> list[Series]:
        """Raw samples of an instant query that ends in a range selector."""

    async def instant(self, query: str, time: float) -> Answer:
        """The decoded body of an instant query."""


class Measurer:
    """Measures what is judged of one ModelDeployment at a time, from the proxies of the gateway it is behind."""

    def __init__(self, metrics: Metrics, gateways: Gateways) -> None:
        self._metrics = metrics
        self._gateways = gateways

    def gateway_trouble(self, seen: Observation) -> str:
        """Why the requests of a route cannot be counted; empty where they can, or while no gateway has answered."""
        return self._gateways.why_not(seen.route.controllers)

    async def measure(self, resource: Resource, seen: Observation, now: datetime) -> Measurement | None:
        """What the metrics say of the cells that are over; None where none is, or nothing is judged."""
        status, found = resource.status, judged_now(resource.status, now)
        written = {"a": status.slots.a.weight, "b": status.slots.b.weight}
        if found is None or seen.route.weights != written or not seen.route.accepted:
            return None
        judged, since = found
        if now.timestamp() < next_due(judged, since, resource.spec.traffic.timeout_seconds):
            return None
        evaluation, profile = now.timestamp() - SETTLE_SECONDS, self._gateways.profile_of(seen.route.controllers)
        if profile is None:
            # What the user asks of Prometheus does not depend on the gateway.
            trouble = Uncountable("GatewayNotSupported", self.gateway_trouble(seen))
            queries = await self._queries(resource, judged, evaluation)
            return Measurement(cell_seconds=cell_seconds(judged), trouble=trouble, queries=queries)
        try:
            return await self._measure(profile, resource, judged, since, evaluation)
        except MetricsUnavailable as error:
            trouble = Uncountable("MetricsUnavailable", f"{error.reason}: {error.message}")
            return Measurement(cell_seconds=cell_seconds(judged), trouble=trouble, metrics=profile.metrics)

    async def quiet(self, resource: Resource, seen: Observation, now: datetime) -> dict[Letter, bool]:
        """Whether every proxy has stopped sending requests to the slot that is to be drained; empty for no such slot.

        Empty as well where the proxies' counters cannot be read.
        """
        letter = slot_to_be_drained(resource.spec, resource.status, now)
        profile = self._gateways.profile_of(seen.route.controllers)
        if letter is None or profile is None:
            return {}
        owner, evaluation = resource.owner, now.timestamp()
        query = profile.query(owner.namespace, owner.name, QUIET_LOOK_SECONDS)
        try:
            series = await self._metrics.range_samples(query, evaluation)
        except MetricsUnavailable:
            return {}
        presence = [item for item in series if item.labels["__name__"] == profile.presence]
        backend = profile.backend(owner.namespace, owner.name, letter)
        proxies = group_by_proxy(presence, slot_series(profile, series, backend), SlotSeries())
        slot = resource.status.slots.of(letter)
        found = stands_still(proxies, slot.in_force_since.timestamp() if slot.in_force_since else evaluation)
        return {} if found is None else {letter: found}

    async def _measure(
        self, profile: GatewayProfile, resource: Resource, judged: Judged, since: float, evaluation: float
    ) -> Measurement | None:
        first = judged.cell_milliseconds is None
        start = judged_until(judged, since)
        reach = start - (REACH_SECONDS if first else 0.0)
        proxies, edge = await self._proxies(profile, resource, judged, reach, evaluation)
        length = cell_seconds(judged)
        if first:
            longest = interval_length(length, [successful(up) for proxy in proxies for up in proxy.up])
            # In whole milliseconds, as it is recorded: the next pass must see the very same cells.
            length = math.ceil(longest * 1000) / 1000
        scrapes, all_scrapes = [scrape_times([proxy]) for proxy in proxies], scrape_times(proxies)
        counts_from = counted_from(judged, since, resource.spec.traffic.timeout_seconds)
        known = begins = cells_from(judged, counts_from)
        if begins is None and evaluation >= counts_from + length:
            begins = first_boundary(scrapes, counts_from, length)
        cells: tuple[Cell, ...] = ()
        if begins is not None:
            cells = complete_cells(Grid(begins, length, counts_from), start, evaluation, all_scrapes)
        trouble = why_not_scraped(all_scrapes, evaluation, length)
        if not cells and trouble is None:
            trouble = why_not_over(max(start, begins or counts_from), evaluation, length)
        if trouble is None and not cells and known is not None:
            return None
        return Measurement(
            cell_seconds=length,
            cells_from=None if begins is None else round(begins * 1000),
            rise_from=rise_from(scrapes, evaluation + SETTLE_SECONDS, length),
            cells=tuple((cell, count_cell(proxies, cell)) for cell in cells),
            trouble=trouble,
            queries=await self._queries(resource, judged, evaluation) if trouble or cells else (),
            history=_history(proxies, since, length, _stable_created(resource)) if first else {},
            metrics=profile.metrics,
            latency_edge=edge,
        )

    async def _proxies(
        self, profile: GatewayProfile, resource: Resource, judged: Judged, start: float, evaluation: float
    ) -> tuple[tuple[ProxySamples, ...], float | None]:
        """The proxies' samples, and the edge of the histogram that requests in time are counted by."""
        owner, latency = resource.owner, judged.plan.analysis.latency
        seconds = round(min(evaluation - start, 2 * REACH_SECONDS) + LOOK_BEHIND_SECONDS) + 1
        edge = latency_edge(judged)
        query = profile.query(owner.namespace, owner.name, seconds, latency=latency is not None, edge=edge)
        series = await self._metrics.range_samples(query, evaluation)
        if latency is not None and edge is None:
            edge = edge_for(profile, series, latency.bound_milliseconds)
        presence = [item for item in series if item.labels["__name__"] == profile.presence]
        backends = {letter: profile.backend(owner.namespace, owner.name, letter) for letter in LETTERS}
        slots = {letter: slot_series(profile, series, backend, edge) for letter, backend in backends.items()}
        candidate: Letter = "a" if resource.status.slots.a.revision == judged.revision else "b"
        stable: Letter = "b" if candidate == "a" else "a"
        grouped = group_by_proxy(presence, slots[candidate], slots[stable])
        # A route nobody has used yet has no series; presence alone tells "no traffic" from "no metrics" then.
        serving = tuple(proxy for proxy in grouped if any(proxy.candidate) or any(proxy.stable))
        return serving or grouped, edge

    async def _queries(self, resource: Resource, judged: Judged, time: float) -> tuple[QueryResult, ...]:
        owner, status = resource.owner, resource.status
        values = {
            "namespace": owner.namespace,
            "name": owner.name,
            "stable": (status.previous if judged.revision == status.stable else status.stable) or "",
            "candidate": judged.revision,
        }
        return tuple([await self._ask(query, values, time) for query in judged.plan.analysis.queries])

    async def _ask(self, query: Query, values: dict[str, str], time: float) -> QueryResult:
        bounds = UserQuery(query.name, query.min, query.max, query.failures)
        try:
            answer: object = await self._metrics.instant(fill_in(query.query, values), time)
        except ValueError as error:
            answer = {"status": "error", "errorType": "bad_placeholder", "error": str(error)}
        except MetricsUnavailable as error:
            answer = {"status": "error", "errorType": error.reason, "error": error.message}
        return read_answer(bounds, answer, time)


def _stable_created(resource: Resource) -> float:
    """Moment (Unix seconds) before which the counters of stable's slot are those of somebody else."""
    entries = [entry for entry in resource.status.revisions if entry.name == resource.status.stable]
    return max((entry.created_at.timestamp() for entry in entries), default=0.0)


def _history(
    proxies: tuple[ProxySamples, ...], since: float, length: float, not_before: float
) -> dict[Metric, tuple[Counts, ...]]:
    """Stable's counts per interval in the hour before, by metric."""
    grid = Grid(max(since - REACH_SECONDS, not_before), length)
    cells = complete_cells(grid, grid.origin, since, scrape_times(proxies))
    counted = [counts for counts in (count_cell(proxies, cell) for cell in cells) if isinstance(counts, CellCounts)]
    return {metric: tuple(pooled(counts.of(metric)).stable for counts in counted) for metric in Metric}
