"""Read what one ModelDeployment has in the cluster, and reduce it to an `Observation`."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tidegate.api.names import FIELD_MANAGER, LABEL_MODELDEPLOYMENT, LABEL_REVISION, LETTERS, slot_service
from tidegate.clients.kube import Kube
from tidegate.rollout.observation import Observation, Pod, Route
from tidegate.rollout.resource import Resource

Object = dict[str, Any]
Name = tuple[str, str]

KINDS = ("ControllerRevision", "Deployment", "Service", "Pod", "EndpointSlice", "HTTPRoute", "ConfigMap")
SERVER = "server"
ENDED = ("Failed", "Succeeded")


@dataclass(frozen=True)
class Children:
    """The objects behind an observation, for whoever acts on it: kind to name to object."""

    by_kind: Mapping[str, Mapping[str, Object]]
    config_map: Object | None

    def get(self, kind: str, name: str) -> Object | None:
        """The child of that kind and name."""
        return self.by_kind[kind].get(name)


async def observe(kube: Kube, resource: Resource) -> tuple[Observation, Children]:
    """Read all children by label, and by name those that ought to be there and are not.

    Raises
    ------
    tidegate.clients.errors.ApiUnavailable
        When a read fails; nothing is concluded from half a picture.
    """
    owner = resource.owner
    selector = f"{LABEL_MODELDEPLOYMENT}={owner.name}"
    lists, ahead = await asyncio.gather(
        asyncio.gather(*(kube.list(kind, owner.namespace, selector) for kind in KINDS)),
        _read(kube, owner.namespace, _names_to_come(resource)),
    )
    listed = dict(zip(KINDS, lists, strict=True))
    by_kind = {
        kind: {item["metadata"]["name"]: item for item in items if _is_ours(kind, item, owner.uid)}
        for kind, items in listed.items()
    }
    taken = await _names_taken(kube, resource, by_kind, ahead)
    config_map, missing = await _source_config_map(kube, resource, by_kind)
    children = Children(by_kind, config_map)
    seen = Observation(
        controller_revisions=by_kind["ControllerRevision"],
        deployments={name: item["spec"].get("replicas", 1) for name, item in by_kind["Deployment"].items()},
        pods_refused=_pods_refused(by_kind["Deployment"]),
        pods=tuple(pod_of(item) for item in by_kind["Pod"].values()),
        endpoints={
            letter: _ready_endpoints(by_kind["EndpointSlice"].values(), slot_service(owner.name, letter))
            for letter in LETTERS
        },
        selected=_selected(owner.name, by_kind["Service"]),
        route=route_of(resource, children.get("HTTPRoute", owner.name)),
        names_taken=taken,
        missing_config_map=missing,
    )
    return seen, children


def _pods_refused(deployments: Mapping[str, Object]) -> dict[str, str]:
    conditions = {name: (item.get("status") or {}).get("conditions") or [] for name, item in deployments.items()}
    return {
        name: str(condition.get("message") or condition["reason"])
        for name, found in conditions.items()
        for condition in found
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True"
    }


def controlled_by(item: Mapping[str, Any], uid: str) -> bool:
    """Whether the object's controller is the owner with that uid."""
    references = item["metadata"].get("ownerReferences") or []
    return any(reference["uid"] == uid and reference.get("controller") for reference in references)


def _is_ours(kind: str, item: Object, uid: str) -> bool:
    # Pods belong to a ReplicaSet and slices to a Service; their labels come from a template of ours.
    return kind in ("Pod", "EndpointSlice") or controlled_by(item, uid)


async def _read(kube: Kube, namespace: str, names: Iterable[Name]) -> dict[Name, Object | None]:
    asked = tuple(names)
    found = await asyncio.gather(*(kube.get(kind, namespace, name) for kind, name in asked))
    return dict(zip(asked, found, strict=True))


def _names_to_come(resource: Resource) -> list[Name]:
    """Names of a revision that nobody has begun yet: asked for beside the lists, it does not wait for them."""
    if any(entry.name == resource.desired for entry in resource.status.revisions):
        return []
    return [("ControllerRevision", resource.desired), ("Deployment", resource.desired)]


async def _names_taken(
    kube: Kube,
    resource: Resource,
    by_kind: Mapping[str, Mapping[str, Object]],
    ahead: Mapping[Name, Object | None],
) -> tuple[str, ...]:
    owner = resource.owner
    revisions = dict.fromkeys((resource.desired, *(entry.name for entry in resource.status.revisions)))
    needed = [
        *(("Service", name) for name in (owner.name, *(slot_service(owner.name, letter) for letter in LETTERS))),
        ("HTTPRoute", owner.name),
        ("ControllerRevision", resource.desired),
        *(("Deployment", name) for name in revisions),
    ]
    if resource.spec.model.source.config_map is not None:
        needed.append(("ConfigMap", resource.desired))
    absent = [(kind, name) for kind, name in needed if name not in by_kind[kind]]
    found = {**ahead, **await _read(kube, owner.namespace, (name for name in absent if name not in ahead))}
    return tuple(
        f"{kind} {name}"
        for kind, name in absent
        if (item := found[kind, name]) is not None and not controlled_by(item, owner.uid)
    )


async def _source_config_map(
    kube: Kube, resource: Resource, by_kind: Mapping[str, Mapping[str, Object]]
) -> tuple[Object | None, str]:
    source = resource.spec.model.source.config_map
    if source is None or resource.desired in by_kind["ConfigMap"]:
        return None, ""
    original = await kube.get("ConfigMap", resource.owner.namespace, source.name)
    return original, "" if original is not None else source.name


def _selected(name: str, services: Mapping[str, Object]) -> dict[str, str | None]:
    keys: dict[str, str] = {"stable": name}
    keys.update({letter: slot_service(name, letter) for letter in LETTERS})
    return {
        key: (services[service]["spec"].get("selector") or {}).get(LABEL_REVISION)
        for key, service in keys.items()
        if service in services
    }


def _ready_endpoints(slices: Iterable[Object], service: str) -> int:
    addresses: set[str] = set()
    for item in slices:
        if (item["metadata"].get("labels") or {}).get("kubernetes.io/service-name") != service:
            continue
        for endpoint in item.get("endpoints") or []:
            if (endpoint.get("conditions") or {}).get("ready"):
                addresses.update(endpoint.get("addresses") or [])
    return len(addresses)


def route_of(resource: Resource, item: Object | None) -> Route:
    """What the gateway says of the route; every parent asked for must have accepted this very generation."""
    if item is None:
        return Route()
    rules = item["spec"].get("rules") or [{}]
    refs = rules[0].get("backendRefs") or []
    by_name = {ref["name"]: ref.get("weight", 1) for ref in refs}
    weights = {letter: by_name.get(slot_service(resource.owner.name, letter), 0) for letter in LETTERS}
    answers = _answers(resource, (item.get("status") or {}).get("parents") or [])
    generation = item["metadata"]["generation"]
    troubles = (_parent_trouble(gateway, mine, generation) for gateway, mine in answers)
    reason, message = next((trouble for trouble in troubles if trouble is not None), ("", ""))
    return Route(
        weights=weights,
        accepted=not reason,
        reason=reason,
        message=message,
        writers=_writers(item),
        controllers=tuple(sorted({parent["controllerName"] for _, mine in answers for parent in mine})),
    )


def _answers(resource: Resource, parents: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """Each gateway asked for, and what was answered in its name."""
    asked = resource.spec.traffic.parent_refs
    names = [(one.name, one.namespace or resource.owner.namespace, one.section_name) for one in asked]
    return [
        (
            f"gateway {namespace}/{name}",
            [
                parent
                for parent in parents
                if parent["parentRef"]["name"] == name
                and parent["parentRef"].get("namespace", namespace) == namespace
                and parent["parentRef"].get("sectionName") == section
            ],
        )
        for name, namespace, section in names
    ]


def _writers(item: Object) -> tuple[str, ...]:
    """Field managers besides us that own the route's rules."""
    entries = item["metadata"].get("managedFields") or []
    owners = [entry["manager"] for entry in entries if "f:rules" in (entry.get("fieldsV1") or {}).get("f:spec", {})]
    return tuple(sorted(set(owners) - {FIELD_MANAGER}))


def _parent_trouble(gateway: str, mine: Sequence[Mapping[str, Any]], generation: int) -> tuple[str, str] | None:
    if not mine:
        return "RouteNotAccepted", f"{gateway} has not answered: check that it exists and allows routes from here"
    for parent in mine:
        conditions = {condition["type"]: condition for condition in parent.get("conditions") or []}
        for kind in ("Accepted", "ResolvedRefs"):
            condition = conditions.get(kind)
            if condition is None or condition.get("observedGeneration", 0) < generation:
                return "RouteNotYetAccepted", f"{gateway} has yet to take up the route's newest generation"
            if condition["status"] != "True":
                return "RouteNotAccepted", f"{gateway}: {condition['reason']}: {condition.get('message', '')}"
    return None


def pod_of(item: Object) -> Pod:
    """Reduce a Pod object."""
    meta, status = item["metadata"], item.get("status") or {}
    conditions = {condition["type"]: condition for condition in status.get("conditions") or []}
    container = _server_status(status)
    state, last = container.get("state") or {}, container.get("lastState") or {}
    waiting = state.get("waiting") or {}
    exited = state.get("terminated") or last.get("terminated") or {}
    return Pod(
        name=meta["name"],
        revision=(meta.get("labels") or {}).get(LABEL_REVISION, ""),
        ready=conditions.get("Ready", {}).get("status") == "True",
        ready_since=_ready_since(conditions.get("Ready", {})),
        terminating=meta.get("deletionTimestamp") is not None or status.get("phase") in ENDED,
        unschedulable=_unschedulable(conditions.get("PodScheduled") or {}),
        waiting_reason=waiting.get("reason", ""),
        waiting_message=waiting.get("message", ""),
        restarts=container.get("restartCount", 0),
        exit_code=exited.get("exitCode"),
        exit_reason=exited.get("reason", ""),
        last_words=exited.get("message", ""),
    )


def _ready_since(condition: Mapping[str, Any]) -> datetime | None:
    moment = condition.get("lastTransitionTime")
    return datetime.fromisoformat(moment) if moment and condition["status"] == "True" else None


def _server_status(status: Mapping[str, Any]) -> Mapping[str, Any]:
    return next((entry for entry in status.get("containerStatuses") or [] if entry["name"] == SERVER), {})


def _unschedulable(scheduled: Mapping[str, Any]) -> str:
    if scheduled.get("status") != "False":
        return ""
    return str(scheduled.get("message", scheduled.get("reason", "")))
