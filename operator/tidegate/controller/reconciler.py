"""One reconcile, top to bottom: read, measure, decide, record, act."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from tidegate.api.conditions import READY, RECONCILING, STALLED, set_condition
from tidegate.api.names import API_GROUP, KIND, VERSION
from tidegate.api.status import ModelDeploymentStatus
from tidegate.api.status_types import Condition
from tidegate.clients.errors import ApiError
from tidegate.clients.kube import Kube
from tidegate.controller.act import Actor
from tidegate.controller.measure import Measurer
from tidegate.controller.metrics import Metrics
from tidegate.controller.observe import observe
from tidegate.controller.servers import Servers, ask_signatures
from tidegate.rollout import Event, Plan, Resource, plan
from tidegate.rollout.figures import evidence_ratios, harmed_requests

Object = dict[str, Any]


REFUSED_SECONDS = 30.0
"""How often a write that the API server refused is tried again: what refuses it may be changed without a word."""
PLACES_SHOWN = 5


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Reconciler:
    """Brings one ModelDeployment a step further each time it is asked to.

    Parameters
    ----------
    servers
        Asked what models take and give.
    clock
        Wall-clock time in UTC.
    """

    def __init__(
        self,
        kube: Kube,
        measurer: Measurer,
        actor: Actor,
        metrics: Metrics,
        *,
        servers: Servers,
        clock: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._kube = kube
        self._measurer = measurer
        self._actor = actor
        self._metrics = metrics
        self._servers = servers
        self._clock = clock
        self._refused: dict[tuple[str, str], Mapping[str, str]] = {}

    async def reconcile(self, namespace: str, name: str) -> float | None:
        """Reconcile `namespace`/`name`; returns seconds until the next look is wanted, None for none.

        Raises
        ------
        tidegate.clients.errors.TidegateError
            When the API server refused or was out of reach; nothing is lost, the caller tries again later.
        """
        try:
            return await self._reconcile(namespace, name)
        except ApiError as error:
            if error.has_cause("NamespaceTerminating"):
                return None
            raise

    async def _reconcile(self, namespace: str, name: str) -> float | None:
        body = await self._kube.get(KIND, namespace, name)
        if body is None or body["metadata"].get("deletionTimestamp") is not None:
            self._refused.pop((namespace, name), None)
            self._metrics.show_evidence((namespace, name), {})
            return None
        try:
            resource = Resource.parse(body)
        except ValidationError as error:
            return await self._refuse(body, error)
        seen, there = await observe(self._kube, resource)
        now = self._clock()
        seen = replace(
            seen,
            quiet=await self._measurer.quiet(resource, seen, now),
            refused=self._refused.get((namespace, name), {}),
            gateway_trouble=self._measurer.gateway_trouble(seen),
            signatures=await ask_signatures(self._servers, resource, seen),
        )
        measured = await self._measurer.measure(resource, seen, now)
        planned = plan(resource, seen, measured, now)
        await self._record(body, resource, planned)
        recorded = replace(resource, status=planned.status)
        try:
            refused = await self._actor.act(recorded, seen, there)
        finally:
            self._count((namespace, name), resource.status, planned.status)
            for event in planned.events:
                await self._tell(body, event)
        return self._wake_after(planned, (namespace, name), refused)

    async def _refuse(self, body: Object, error: ValidationError) -> float:
        """Say that the object as stored cannot be read; whatever runs for it is left as it is."""
        status = unreadable(body, error, self._clock())
        if status != body.get("status"):
            await self._kube.replace_status({**body, "status": status})
        return REFUSED_SECONDS

    def _wake_after(self, planned: Plan, key: tuple[str, str], refused: Mapping[str, str]) -> float | None:
        before = self._refused.pop(key, {})
        if refused:
            self._refused[key] = refused
        if refused.keys() != before.keys():
            return 0.0
        waits = [wait for wait in (planned.wake_after, REFUSED_SECONDS if refused else None) if wait is not None]
        return min(waits, default=None)

    async def _record(self, body: Object, resource: Resource, planned: Plan) -> None:
        if planned.status != resource.status:
            await self._kube.replace_status({**body, "status": dump(planned.status)})

    def _count(self, key: tuple[str, str], before: ModelDeploymentStatus, after: ModelDeploymentStatus) -> None:
        self._metrics.show_evidence(key, evidence_ratios(after.rollout))
        known = {(decision.at, decision.reason) for decision in before.decisions}
        for decision in after.decisions:
            if (decision.at, decision.reason) not in known:
                self._metrics.verdicts.labels(decision.verdict, decision.reason).inc()
        if before.rollout is not None and after.rollout is None:
            withdrawn = before.rollout.withdraw
            self._metrics.rollouts.labels(withdrawn.reason if withdrawn else "Promoted").inc()
            for metric, requests in harmed_requests(before.rollout).items():
                self._metrics.harmed_requests.labels(metric.value).inc(requests)

    async def _tell(self, body: Mapping[str, Any], event: Event) -> None:
        await self._kube.create_event(
            {"apiVersion": f"{API_GROUP}/{VERSION}", "kind": KIND, "metadata": body["metadata"]},
            type=event.type,
            reason=event.reason,
            message=event.message,
        )


def unreadable(body: Mapping[str, Any], error: ValidationError, now: datetime) -> Object:
    """The status of an object that does not fit our models: as it was, but for its conditions."""
    places = ", ".join(".".join(str(part) for part in detail["loc"]) for detail in error.errors()[:PLACES_SHOWN])
    message = (
        f"stored by another version of the operator, or under another schema: {error.error_count()} values are not "
        f"what this one expects, at {places}. Nothing is changed meanwhile: apply the object again, or run a version "
        "that reads it"
    )
    before: Object = body.get("status") or {}
    kept = [Condition.model_validate(entry) for entry in before.get("conditions") or []]
    generation = body["metadata"]["generation"]
    for kind in (READY, RECONCILING):
        kept = set_condition(kept, kind, "False", "Unreadable", message, generation, now)
    kept = set_condition(kept, STALLED, "True", "Unreadable", message, generation, now)
    conditions = [entry.model_dump(mode="json", by_alias=True, exclude_none=True) for entry in kept]
    return {**before, "conditions": conditions, "observedGeneration": generation}


def dump(status: ModelDeploymentStatus) -> Object:
    """The status as the API server stores it."""
    dumped: Object = status.model_dump(mode="json", by_alias=True, exclude_none=True)
    return dumped
