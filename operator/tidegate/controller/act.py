"""Make the children match what was recorded: write what differs, delete what is no longer wanted, nothing else."""

import logging
from collections.abc import Awaitable, Mapping
from typing import Any

from tidegate.clients.errors import Forbidden, Invalid, KindMissing
from tidegate.clients.kube import Kube
from tidegate.controller.observe import Children
from tidegate.manifests.children import children as wanted_children
from tidegate.manifests.children import new_revisions, revision_of, surplus_revisions
from tidegate.rollout.observation import Observation
from tidegate.rollout.resource import Resource

logger = logging.getLogger(__name__)

Object = dict[str, Any]


class Actor:
    """Writes children. Remembers writes that changed nothing: a difference of mere notation is written once."""

    def __init__(self, kube: Kube, *, default_image: str) -> None:
        self._kube = kube
        self._default_image = default_image
        self._settled: dict[str, tuple[str, str]] = {}

    async def act(self, resource: Resource, seen: Observation, there: Children) -> dict[str, str]:
        """Write and delete children of `resource` (with its status as just recorded) until they match.

        Names that are taken are left out. What the API server refuses does not keep the others from being written.

        Returns
        -------
        dict
            Every object that was refused, as ``Kind name``, to the API server's words.

        Raises
        ------
        tidegate.clients.errors.Conflict
            When a fenced child moved on since it was read; the next reconcile reads again.
        """
        known = dict(there.by_kind["ControllerRevision"])
        refused = await self._create_revision(resource, seen, there, known)
        for manifest in _route_first(wanted_children(resource.owner, resource.spec, resource.status, known), there):
            if title(manifest) not in seen.names_taken:
                present = there.get(manifest["kind"], _name(manifest))
                refused |= await _refusal(manifest, self._write(manifest, present))
        await self._delete_surplus(resource, there, known)
        return refused

    async def _create_revision(
        self, resource: Resource, seen: Observation, there: Children, known: dict[str, Object]
    ) -> dict[str, str]:
        manifests = new_revisions(
            resource.owner,
            resource.spec,
            resource.status,
            known,
            desired=resource.desired,
            default_image=self._default_image,
            config_map=there.config_map,
        )
        if seen.missing_config_map or any(title(manifest) in seen.names_taken for manifest in manifests):
            return {}
        for manifest in manifests:
            if refused := await _refusal(manifest, self._kube.apply(manifest)):
                return refused
            if manifest["kind"] == "ControllerRevision":
                known[_name(manifest)] = manifest
        return {}

    async def _write(self, manifest: Object, present: Object | None) -> None:
        if present is None:
            await self._kube.apply(manifest)
        elif manifest["kind"] == "Deployment":
            await self._write_deployment(manifest, present)
        else:
            await self._repair(manifest, present)

    async def _write_deployment(self, manifest: Object, present: Object) -> None:
        """Put back what was changed by hand; the number of replicas changes through /scale alone."""
        replicas = present["spec"].get("replicas", 1)
        as_scaled = {**manifest, "spec": {**manifest["spec"], "replicas": replicas}}
        written = await self._repair(as_scaled, present)
        wanted = manifest["spec"]["replicas"]
        if replicas != wanted:
            meta = written["metadata"]
            await self._kube.scale(
                "Deployment", meta["namespace"], meta["name"], wanted, version=meta["resourceVersion"]
            )

    async def _repair(self, manifest: Object, present: Object) -> Object:
        """Write what differs, if `present` is still as it was read: a leader that wakes up late is refused."""
        if contains(present, manifest) or self._is_settled(manifest, present):
            return present
        # With the uid as well: an object deleted meanwhile is then refused too, not made anew.
        fence = {key: present["metadata"][key] for key in ("resourceVersion", "uid")}
        written = await self._kube.apply({**manifest, "metadata": {**manifest["metadata"], **fence}})
        if written["metadata"]["resourceVersion"] == present["metadata"]["resourceVersion"]:
            self._settled[present["metadata"]["uid"]] = _state(manifest, written)
        return written

    def _is_settled(self, manifest: Object, present: Object) -> bool:
        return self._settled.get(present["metadata"]["uid"]) == _state(manifest, present)

    async def _delete_surplus(self, resource: Resource, there: Children, known: Mapping[str, Object]) -> None:
        in_use = {entry.name for entry in resource.status.revisions}
        for name, item in there.by_kind["Deployment"].items():
            if revision_of(item) not in in_use:
                await self._delete(item, "Deployment", name)
        surplus = surplus_revisions(resource.status, known)
        for name in surplus:
            await self._delete(known[name], "ControllerRevision", name)
        kept = set(known) - set(surplus)
        for name, item in there.by_kind["ConfigMap"].items():
            if revision_of(item) not in kept:
                await self._delete(item, "ConfigMap", name)

    async def _delete(self, item: Mapping[str, Any], kind: str, name: str) -> None:
        meta = item["metadata"]
        if meta.get("deletionTimestamp") is None:
            await self._kube.delete(kind, meta["namespace"], name, uid=meta["uid"], version=meta["resourceVersion"])


def title(manifest: Mapping[str, Any]) -> str:
    """An object as people name it: kind and name."""
    return f"{manifest['kind']} {_name(manifest)}"


def _route_first(manifests: list[Object], there: Children) -> list[Object]:
    """Where the route exists it goes first, so that nothing keeps a weight from being lowered.

    Raising one needs no other write either: a slot enters only once its Service was seen to select ready pods.
    """
    routes = [item for item in manifests if item["kind"] == "HTTPRoute" and there.get("HTTPRoute", _name(item))]
    return routes + [item for item in manifests if item not in routes]


def _name(manifest: Mapping[str, Any]) -> str:
    return str(manifest["metadata"]["name"])


async def _refusal(manifest: Object, write: Awaitable[object]) -> dict[str, str]:
    try:
        await write
    except (Invalid, Forbidden, KindMissing) as error:
        if error.has_cause("NamespaceTerminating"):
            raise
        logger.warning("%s was refused: %s", title(manifest), error)
        return {title(manifest): str(error)}
    return {}


def _state(manifest: Object, item: Object) -> tuple[str, str]:
    return repr(manifest), item["metadata"]["resourceVersion"]


def contains(present: Any, wanted: Any) -> bool:
    """Whether every value of `wanted` is in `present`; lists match in length and order.

    What the API server adds (defaults, status, other managers' fields) does not count as a difference, nor does an
    empty map or list that it does not store.
    """
    if present is None and wanted in ({}, []):
        return True
    if isinstance(wanted, Mapping):
        return isinstance(present, Mapping) and all(contains(present.get(key), value) for key, value in wanted.items())
    if isinstance(wanted, list):
        return (
            isinstance(present, list)
            and len(present) == len(wanted)
            and all(contains(left, right) for left, right in zip(present, wanted, strict=True))
        )
    return bool(present == wanted)
