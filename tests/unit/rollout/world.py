"""A small stand-in for cluster, gateway and time, for driving the planner through whole rollouts."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tidegate.api.names import LETTERS, Letter, revision_name
from tidegate.api.spec import ModelDeploymentSpec
from tidegate.api.status import ModelDeploymentStatus
from tidegate.judge import Counts, Stratum
from tidegate.judge.counts import CellCounts, Problem, Uncountable
from tidegate.judge.grid import Cell, Grid, first_boundary
from tidegate.judge.queries import QueryResult
from tidegate.judge.rules import Metric
from tidegate.manifests.children import children
from tidegate.manifests.metadata import Owner
from tidegate.rollout import Event, Resource, plan
from tidegate.rollout.measuring import (
    SETTLE_SECONDS,
    Measurement,
    cell_seconds,
    cells_from,
    counted_from,
    judged_now,
    judged_until,
    next_due,
    rise_from,
)
from tidegate.rollout.observation import Observation, Pod, Route
from tidegate.rollout.steps.schema import revisions_to_ask
from tidegate.rollout.traffic import slot_to_be_drained
from tidegate.runtimes.signature import Signature, Tensor

NAME = "filetype"
SIGNATURE = Signature((Tensor("bytes", "INT32", (-1, 2048)),), (Tensor("target", "FP32", (-1, 214)),), max_batch_size=8)
"""What the servers of every revision say, where a test says nothing else."""
SCRAPE_SECONDS = 5.0
PLENTY = 1_000_000
"""A harm budget that no traffic here exceeds."""


def spec_of(tag: str = "1", **rollout: Any) -> ModelDeploymentSpec:
    """A spec whose revision differs by `tag`; two replicas, quick steps, a harm budget that only doubling limits."""
    steps = [{"weight": {"percent": percent, "seconds": 10}} for percent in (5, 25, 50)]
    statistics = {"harmBudgetRequests": PLENTY}
    analysis = {"intervalSeconds": 10, "bakeSeconds": 10, "statistics": statistics, **rollout.pop("analysis", {})}
    return ModelDeploymentSpec.model_validate(
        {
            "model": {"source": {"image": {"reference": f"models/filetype:{tag}"}}},
            "runtime": {"triton": {}},
            "replicas": rollout.pop("replicas", 2),
            "traffic": {
                "parentRefs": [{"name": "inference"}],
                "hostnames": ["filetype.example.com"],
                "timeoutSeconds": 5,
            },
            "rollout": {"steps": steps, "keepPreviousSeconds": 60, **rollout, "analysis": analysis},
        }
    )


@dataclass
class Traffic:
    """Requests a second on the route, and by revision the share that fails, is slow, or is answered 4xx."""

    rate: float = 50.0
    bad: dict[str, float] = field(default_factory=dict)
    slow: dict[str, float] = field(default_factory=dict)
    refused: dict[str, float] = field(default_factory=dict)
    hanging: set[str] = field(default_factory=set)

    def counts(self, revision: str, share: float, cell: Cell, metric: Metric = Metric.Errors) -> Counts:
        """Requests come evenly in time, so that there is one in a while even where they are few."""
        by = {Metric.Errors: self.bad, Metric.Latency: self.slow, Metric.ClientErrors: self.refused}
        finished = math.floor(self.rate * share * cell.end) - math.floor(self.rate * share * cell.start)
        if revision in self.hanging:
            return Counts(0, 0)
        return Counts(finished, round(finished * by[metric].get(revision, 0.0)))


@dataclass
class World:
    """Pods become ready when asked for, the gateway takes up weights at once; both can be told otherwise."""

    spec: ModelDeploymentSpec = field(default_factory=spec_of)
    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    generation: int = 1
    annotations: dict[str, str] = field(default_factory=dict)
    status: ModelDeploymentStatus = field(default_factory=ModelDeploymentStatus)
    traffic: Traffic = field(default_factory=Traffic)
    events: list[Event] = field(default_factory=list)
    weights_written: list[dict[Letter, int]] = field(default_factory=list)
    ready_limit: dict[str, int] = field(default_factory=dict)
    pods: dict[str, tuple[Pod, ...]] = field(default_factory=dict)
    gateway_accepts: bool = True
    gateway_trouble: str = ""
    route_is_writable: bool = True
    metrics_trouble: Uncountable | None = None
    queries: tuple[QueryResult, ...] = ()
    problems: tuple[Problem, ...] = ()
    told: frozenset[Metric] = frozenset(Metric)
    names_taken: tuple[str, ...] = ()
    missing_config_map: str = ""
    templates: dict[str, dict[str, Any]] = field(default_factory=dict)
    quiet: bool | None = True
    signatures: dict[str, Signature | str] = field(default_factory=dict)
    scraped_at: float | None = None
    """Moment of one scrape, the others every `SCRAPE_SECONDS`; None for a proxy that is scraped all the time."""
    _selected: dict[str, str | None] = field(default_factory=dict)
    _weights: dict[Letter, int] | None = None
    _deployments: dict[str, int] = field(default_factory=dict)
    _wake_at: datetime | None = None
    _last_seen: str = ""
    _ready_since: dict[str, list[datetime]] = field(default_factory=dict)

    def revision(self, spec: ModelDeploymentSpec | None = None) -> str:
        return revision_name(NAME, spec or self.spec)

    def apply(self, spec: ModelDeploymentSpec) -> str:
        """Write another spec, as a user does; returns the revision it asks for."""
        self.spec, self.generation = spec, self.generation + 1
        return self.revision()

    def no_room_for(self, revision: str) -> None:
        """A pod of `revision` waits for a node."""
        words = "0/1 nodes are available: 1 Insufficient nvidia.com/gpu."
        self.pods[revision] = (Pod(name="p", revision=revision, unschedulable=words),)

    def annotate(self, verb: str, value: str) -> None:
        self.annotations[f"tidegate.dev/{verb}"] = value

    @property
    def resource(self) -> Resource:
        return Resource(Owner("demo", NAME, "uid-1"), self.generation, self.annotations, self.spec, self.status)

    def condition(self, kind: str) -> tuple[str, str]:
        found = next(condition for condition in self.status.conditions if condition.type == kind)
        return found.status, found.reason

    def weight_of(self, revision: str) -> int:
        slots = (self.status.slots.a, self.status.slots.b)
        return next((slot.weight for slot in slots if slot.revision == revision), 0)

    def reasons(self) -> list[str]:
        return [event.reason for event in self.events]

    def ready_pods(self, name: str | None) -> int:
        """Pods of that revision that are ready."""
        count = self._deployments.get(name or "", 0)
        return min(count, self.ready_limit.get(name or "", count))

    # ---- what the planner sees -------------------------------------------------------------------------------------

    def seen(self) -> Observation:
        wanted = self._deployments
        ready = {name: self.ready_pods(name) for name in wanted}
        return Observation(
            controller_revisions={
                name: {"revision": 1, "data": {"artifact": "", "template": self.templates.get(name, {})}}
                for name in wanted
            },
            deployments=wanted,
            pods=tuple(pod for name in wanted for pod in self._pods_of(name, ready[name])),
            endpoints={letter: ready.get(self._selected.get(letter) or "", 0) for letter in LETTERS},
            selected=self._selected,
            route=self._route(),
            names_taken=self.names_taken,
            missing_config_map=self.missing_config_map,
            quiet=self._quiet(),
            signatures={name: self.signatures.get(name, SIGNATURE) for name in revisions_to_ask(self.status)},
            gateway_trouble=self.gateway_trouble,
        )

    def _pods_of(self, revision: str, ready: int) -> tuple[Pod, ...]:
        """Those a test has put there beside the ready ones, each ready since it was first seen."""
        since = self._ready_since.setdefault(revision, [])
        since[:] = since[:ready] + [self.now] * (ready - len(since))
        serving = [
            Pod(name=f"p{number}", revision=revision, ready=True, ready_since=one) for number, one in enumerate(since)
        ]
        return (*serving, *self.pods.get(revision, ()))

    def _quiet(self) -> dict[Letter, bool]:
        letter = slot_to_be_drained(self.spec, self.status, self.now)
        return {} if letter is None or self.quiet is None else {letter: self.quiet}

    def _route(self) -> Route:
        if self._weights is None:
            return Route()
        if not self.gateway_accepts:
            return Route(weights=self._weights, accepted=False, reason="RouteNotAccepted", message="no such gateway")
        return Route(weights=self._weights, accepted=True, reason="", message="")

    def measure(self) -> Measurement | None:
        found = judged_now(self.status, self.now)
        if found is None or self._weights is None:
            return None
        judged, since = found
        timeout = self.spec.traffic.timeout_seconds
        evaluation = self.now.timestamp() - SETTLE_SECONDS
        if self.now.timestamp() < next_due(judged, since, timeout):
            return None
        length = cell_seconds(judged)
        if self.metrics_trouble is not None:
            return Measurement(cell_seconds=length, trouble=self.metrics_trouble)
        if self.gateway_trouble:
            trouble = Uncountable("GatewayNotSupported", self.gateway_trouble)
            return Measurement(cell_seconds=length, trouble=trouble, queries=self.queries)
        counts_from = counted_from(judged, since, timeout)
        begins = cells_from(judged, counts_from) or self._first_boundary(counts_from, length)
        grid = Grid(begins, length, counts_from)
        index = grid.index_at_or_after(max(judged_until(judged, since), begins))
        cells = []
        while grid.boundary(index + 1) <= evaluation:
            cell = grid.cell(grid.boundary(index), grid.boundary(index + 1))
            strata = {metric: (self._stratum(judged.revision, cell, metric),) for metric in Metric}
            in_flight = judged.revision in self.traffic.hanging
            cells.append((cell, CellCounts(strata[Metric.Errors], self.problems, strata, in_flight)))
            index += 1
        edge = judged.plan.analysis.latency.bound_milliseconds if judged.plan.analysis.latency else None
        return Measurement(
            cell_seconds=length,
            cells_from=round(begins * 1000),
            rise_from=self._rise_from(length),
            cells=tuple(cells),
            queries=self.queries if cells else (),
            metrics=self.told,
            latency_edge=edge,
        )

    def _rise_from(self, length: float) -> int | None:
        if self.scraped_at is None:
            return None
        now = self.now.timestamp()
        last = self.scraped_at + SCRAPE_SECONDS * math.floor((now - self.scraped_at) / SCRAPE_SECONDS)
        return rise_from([[last - SCRAPE_SECONDS, last]], now, length)

    def _first_boundary(self, counts_from: float, length: float) -> float:
        if self.scraped_at is None:
            return math.ceil(round(counts_from * 1000, 3)) / 1000
        before = math.ceil((counts_from - self.scraped_at) / SCRAPE_SECONDS) - 1
        scrapes = [self.scraped_at + SCRAPE_SECONDS * (before + number) for number in range(3)]
        return first_boundary([scrapes], counts_from, length)

    def _stratum(self, candidate: str, cell: Cell, metric: Metric) -> Stratum:
        share = self.weight_of(candidate) / 1_000_000
        other = self.status.stable if self.status.stable != candidate else self.status.previous
        return Stratum(
            self.traffic.counts(candidate, share, cell, metric),
            self.traffic.counts(other or "", 1.0 - share, cell, metric),
        )

    # ---- running ---------------------------------------------------------------------------------------------------

    def reconcile(self) -> None:
        """One pass: plan, record, act."""
        seen, measured = self.seen(), self.measure()
        planned = plan(self.resource, seen, measured, self.now)
        stored = planned.status.model_dump(mode="json", by_alias=True, exclude_none=True)
        self.status = ModelDeploymentStatus.model_validate(stored)
        assert self.status == planned.status, "status does not survive being stored"
        self.events += planned.events
        wake = planned.wake_after
        self._wake_at = None if wake is None else self.now + timedelta(seconds=wake)
        self._act()

    def _act(self) -> None:
        self._deployments = {entry.name: entry.replicas for entry in self.status.revisions}
        known: Mapping[str, Any] = {
            entry.name: {"metadata": {"name": entry.name}, "data": {"template": {}}} for entry in self.status.revisions
        }
        for manifest in children(self.resource.owner, self.spec, self.status, dict(known)):
            if manifest["kind"] == "Service":
                key = {NAME: "stable", f"{NAME}-a": "a", f"{NAME}-b": "b"}[manifest["metadata"]["name"]]
                self._selected[key] = manifest["spec"]["selector"]["tidegate.dev/revision"]
            if manifest["kind"] == "HTTPRoute" and self.route_is_writable:
                refs = manifest["spec"]["rules"][0]["backendRefs"]
                weights = {letter: ref["weight"] for letter, ref in zip(LETTERS, refs, strict=True)}
                if weights != self._weights:
                    self.weights_written.append(weights)
                self._weights = weights

    def settle(self) -> None:
        """Reconcile until nothing changes at this moment."""
        for _ in range(20):
            before = self.status, dict(self._selected), self._weights, self._deployments
            self.reconcile()
            if before == (self.status, self._selected, self._weights, self._deployments):
                return
        raise AssertionError(f"the planner does not come to rest; status: {self.status}")

    def run(self, seconds: float) -> Iterator["World"]:
        """Let time pass second by second, or to the moment at which it is to be woken; yields after each.

        The planner is called only where a cluster would call it: something it sees changed, or it asked to be woken.
        """
        end = self.now + timedelta(seconds=int(seconds))
        while self.now < end:
            if self._due():
                self.settle()
            yield self
            following, wake = self.now + timedelta(seconds=1), self._wake_at
            self.now = wake if wake is not None and self.now < wake < following else following

    def _due(self) -> bool:
        seen = repr((self.generation, self.annotations, self.seen()))
        changed, self._last_seen = seen != self._last_seen, seen
        woken = self._wake_at is not None and self.now >= self._wake_at
        return changed or woken

    def run_until(self, reached: Any, *, within: float = 600) -> float:
        """Let time pass until `reached(self)`; returns the seconds it took."""
        start = self.now
        for _ in self.run(within):
            if reached(self):
                return (self.now - start).total_seconds()
        raise AssertionError(f"not reached within {within} s; status: {self.status}")

    def pass_time(self, seconds: float) -> None:
        for _ in self.run(seconds):
            pass


def serving(spec: ModelDeploymentSpec | None = None) -> World:
    """A world in which the first revision serves."""
    world = World(spec=spec or spec_of())
    world.run_until(lambda world: world.condition("Ready")[0] == "True")
    return world
