"""An observer beside the operator: what the API server told about one namespace, and which promises that breaks."""

import itertools
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from kubernetes import client, watch
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from lab.trial import NAME, Served, entries_and_exits, route_weights
from tidegate.api.names import LABEL_REVISION, LETTERS, Letter, slot_service
from tidegate.manifests.services import NO_REVISION
from tidegate.rollout.capacity import ENTRY, share

DRAIN_SECONDS = 15.0
"""timeoutSeconds of the trial's documents (5) and the operator's margin (10)."""
REACTION_SECONDS = 1.0
"""How long a weight may be above the share of ready pods before it is lowered (promise 3)."""
JITTER_SECONDS = 0.5
"""Two watches may tell in another order what happened at about the same time."""


@dataclass(frozen=True)
class Sight:
    """One object as a watch told of it, at `at` (monotonic seconds)."""

    at: float
    kind: str
    gone: bool
    item: dict[str, Any]

    @property
    def name(self) -> str:
        """Name of the object."""
        return str(self.item["metadata"]["name"])


class Observer:
    """Watches route, Services, Deployments and EndpointSlices of one namespace while the context is open."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._sights: list[Sight] = []
        self._watchers: list[Any] = []

    def __enter__(self) -> Self:
        for kind, listing in self._listings().items():
            answer = self._served.cluster.api.sanitize_for_serialization(listing())
            for item in answer["items"]:
                self._sights.append(Sight(time.monotonic(), kind, False, item))
            version = answer["metadata"]["resourceVersion"]
            watcher: Any = watch.Watch()
            self._watchers.append(watcher)
            arguments = (watcher, kind, listing, version)
            threading.Thread(target=self._follow, args=arguments, name=f"observe {kind}", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for watcher in self._watchers:
            watcher.stop()

    def _listings(self) -> dict[str, Callable[..., Any]]:
        served, objects = self._served, client.CustomObjectsApi(self._served.cluster.api)
        discovery = client.DiscoveryV1Api(served.cluster.api)

        def routes(**options: Any) -> Any:
            arguments = ("gateway.networking.k8s.io", "v1", served.namespace, "httproutes")
            return objects.list_namespaced_custom_object(*arguments, **options)

        def of(listing: Callable[..., Any]) -> Callable[..., Any]:
            return lambda **options: listing(served.namespace, **options)

        return {
            "HTTPRoute": routes,
            "Service": of(served.core.list_namespaced_service),
            "Deployment": of(served.apps.list_namespaced_deployment),
            "EndpointSlice": of(discovery.list_namespaced_endpoint_slice),
        }

    def _follow(self, watcher: Any, kind: str, listing: Callable[..., Any], version: str) -> None:
        # A watch ends with the namespace, in the middle of its answer.
        with suppress(HTTPError, ApiException):
            for event in watcher.stream(listing, resource_version=version, timeout_seconds=600):
                gone = event["type"] == "DELETED"
                self._sights.append(Sight(time.monotonic(), kind, gone, event["raw_object"]))

    # ---- what was seen -----------------------------------------------------------------------------------------------

    def sights(self, kind: str, name: str = "") -> list[Sight]:
        """Everything seen of one kind (and name), in order."""
        found = [sight for sight in self._sights if sight.kind == kind and name in ("", sight.name)]
        return sorted(found, key=lambda sight: sight.at)

    def weights(self) -> list[tuple[float, tuple[int, int]]]:
        """When the route was seen with which weights of slots a and b, changes only."""
        seen = [(sight.at, route_weights(sight.item)) for sight in self.sights("HTTPRoute", NAME) if not sight.gone]
        return [entry for index, entry in enumerate(seen) if index == 0 or seen[index - 1][1] != entry[1]]

    def pairs(self) -> list[tuple[int, int]]:
        """The same without the moments."""
        return [pair for _, pair in self.weights()]

    def ready(self) -> list[tuple[float, dict[Letter, int]]]:
        """When how many endpoints were ready behind each slot."""
        slices: dict[str, tuple[str, int]] = {}
        history = []
        for sight in self.sights("EndpointSlice"):
            slices.pop(sight.name, None)
            if not sight.gone:
                service = sight.item["metadata"]["labels"]["kubernetes.io/service-name"]
                endpoints = sight.item.get("endpoints") or []
                slices[sight.name] = service, sum(1 for one in endpoints if (one["conditions"] or {}).get("ready"))
            counts: dict[Letter, int] = {
                letter: sum(count for service, count in slices.values() if service == slot_service(NAME, letter))
                for letter in LETTERS
            }
            history.append((sight.at, counts))
        return history

    def selected(self, service: str) -> list[tuple[float, str]]:
        """When a Service was seen to select which revision, changes only."""
        sights = [sight for sight in self.sights("Service", service) if not sight.gone]
        seen = [(sight.at, sight.item["spec"]["selector"][LABEL_REVISION]) for sight in sights]
        return [entry for index, entry in enumerate(seen) if index == 0 or seen[index - 1][1] != entry[1]]

    def out_of_traffic(self) -> list[float]:
        """Seconds from each loss of slot b's last ready endpoint to the weight that takes it out of traffic."""
        losses = [
            at
            for (_, before), (at, after) in itertools.pairwise(self.ready())
            if before["b"] > 0 and after["b"] == 0 and self._weight_at(at) > ENTRY
        ]
        lowered = [moment for moment, pair in self.weights() if pair[1] <= ENTRY]
        return [min((moment for moment in lowered if moment > at), default=math.inf) - at for at in losses]

    def _weight_at(self, at: float) -> int:
        return next((pair[1] for moment, pair in reversed(self.weights()) if moment <= at), 0)

    # ---- what was wrong with it --------------------------------------------------------------------------------------

    def faults(self) -> list[str]:
        """Broken promises: ways in and out of the route, slots and pods taken from what is not drained, a third one."""
        return [*entries_and_exits(self.pairs()), *self._taken_undrained(), *self._crowds()]

    def _taken_undrained(self) -> Iterator[str]:
        for letter in LETTERS:
            for (_, revision), (at, following) in itertools.pairwise(self.selected(slot_service(NAME, letter))):
                if revision == NO_REVISION:
                    continue
                yield from self._undrained(letter, at, f"slot {letter} went from {revision} to {following}")
                for sight in self.sights("Deployment", revision):
                    if sight.gone:
                        yield from self._undrained(letter, sight.at, f"Deployment {revision} was deleted")

    def _undrained(self, letter: Letter, at: float, what: str) -> Iterator[str]:
        history = [(moment, pair[LETTERS.index(letter)]) for moment, pair in self.weights() if moment <= at]
        if not history or all(weight == 0 for _, weight in history):
            return
        left = next((moment for moment, weight in history if weight == 0 and not _later(history, moment)), None)
        if left is None:
            yield f"{what} at weight {history[-1][1]}"
        elif at - left < DRAIN_SECONDS - JITTER_SECONDS:
            yield f"{what} {at - left:.1f} s after its weight became 0"

    def _crowds(self) -> Iterator[str]:
        there: set[str] = set()
        for sight in self.sights("Deployment"):
            (there.discard if sight.gone else there.add)(sight.name)
            if len(there) > len(LETTERS):
                yield f"{len(there)} revisions have a Deployment: {', '.join(sorted(there))}"

    def above_share(self) -> list[str]:
        """Weights of slot b above its share of ready pods, which it has had in the second before at most."""
        ready, wrong = self.ready(), []
        for at, (_, weight) in self.weights():
            earlier = [counts for moment, counts in ready if moment <= at - REACTION_SECONDS][-1:]
            recent = [counts for moment, counts in ready if at - REACTION_SECONDS < moment <= at + JITTER_SECONDS]
            allowed = max((share(counts["b"], counts["a"]) for counts in [*earlier, *recent]), default=0)
            if weight > max(allowed, ENTRY):
                wrong.append(f"weight {weight}, allowed {allowed}")
        return wrong


def _later(history: list[tuple[float, int]], moment: float) -> bool:
    """Whether the slot had weight again after `moment`."""
    return any(weight > 0 for at, weight in history if at > moment)
