"""The kinds this operator reads or writes: a fixed table, so that no request is spent on discovery."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from tidegate.api.names import API_GROUP, KIND, PLURAL, VERSION


@dataclass(frozen=True)
class Kind:
    """Where objects of one kind live. All of ours are namespaced."""

    api_version: str
    name: str
    plural: str

    @property
    def group(self) -> str:
        """API group, empty for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        """API version without its group."""
        return self.api_version.rpartition("/")[2]

    @property
    def base(self) -> str:
        """Path of the group and version."""
        return f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"

    def path(self, namespace: str | None, name: str | None = None, subresource: str | None = None) -> str:
        """Path of a collection (without `name`; of all namespaces without `namespace`), an object or a part of it."""
        parts = [self.base]
        if namespace is not None:
            parts += ["namespaces", quote(namespace, safe="")]
        parts += [self.plural, *(quote(part, safe="") for part in (name, subresource) if part is not None)]
        return "/".join(parts)


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(f"{API_GROUP}/{VERSION}", KIND, PLURAL),
        Kind("apps/v1", "ControllerRevision", "controllerrevisions"),
        Kind("apps/v1", "Deployment", "deployments"),
        Kind("v1", "Service", "services"),
        Kind("discovery.k8s.io/v1", "EndpointSlice", "endpointslices"),
        Kind("v1", "Pod", "pods"),
        Kind("v1", "ConfigMap", "configmaps"),
        Kind("gateway.networking.k8s.io/v1", "HTTPRoute", "httproutes"),
        Kind("gateway.networking.k8s.io/v1", "Gateway", "gateways"),
        Kind("events.k8s.io/v1", "Event", "events"),
        Kind("coordination.k8s.io/v1", "Lease", "leases"),
    )
}


def kind_of(obj: Mapping[str, Any]) -> Kind:
    """Look up the kind of a document, which must be of the version we speak.

    Raises
    ------
    ValueError
        If it is another one.
    """
    kind = KINDS.get(obj["kind"])
    if kind is None or kind.api_version != obj["apiVersion"]:
        expected = ", ".join(f"{one.api_version} {one.name}" for one in KINDS.values())
        raise ValueError(f"found a {obj['apiVersion']} {obj['kind']}, expected one of {expected}")
    return kind
