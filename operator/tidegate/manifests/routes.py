"""The HTTPRoute: two weighted backends, always in the order a, b."""

from collections.abc import Mapping
from typing import Any

from tidegate.api.names import LETTERS, Letter, slot_service
from tidegate.api.spec import Traffic
from tidegate.manifests.metadata import Owner, metadata
from tidegate.manifests.services import NO_REVISION
from tidegate.runtimes.base import HTTP_PORT

REVISION_HEADER = "x-model-revision"


def http_route(
    owner: Owner, traffic: Traffic, weights: Mapping[Letter, int], revisions: Mapping[Letter, str | None]
) -> dict[str, Any]:
    """Render the route.

    Parameters
    ----------
    weights
        Slot letter to weight in parts per million; the two sum to 1,000,000.
    revisions
        Slot letter to the revision in it. Each backend sets `x-model-revision` on request and response: people and
        logs learn who answered, and the proxy keeps a cluster of its own for each backend, which is what lets their
        counters be told apart.
    """
    rule: dict[str, Any] = {
        "matches": [{"path": {"type": "PathPrefix", "value": traffic.path_prefix}}],
        "timeouts": {"request": f"{traffic.timeout_seconds}s"},
        "backendRefs": [_backend(owner, letter, weights[letter], revisions[letter]) for letter in LETTERS],
    }
    if traffic.path_prefix != "/":
        rewrite = {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}}
        rule["filters"] = [{"type": "URLRewrite", "urlRewrite": rewrite}]
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": metadata(owner, owner.name),
        "spec": {
            "parentRefs": [parent.model_dump(by_alias=True, exclude_none=True) for parent in traffic.parent_refs],
            "hostnames": list(traffic.hostnames),
            "rules": [rule],
        },
    }


def _backend(owner: Owner, letter: Letter, weight: int, revision: str | None) -> dict[str, Any]:
    header = {"set": [{"name": REVISION_HEADER, "value": revision or NO_REVISION}]}
    return {
        "name": slot_service(owner.name, letter),
        "port": HTTP_PORT,
        "weight": weight,
        "filters": [
            {"type": "RequestHeaderModifier", "requestHeaderModifier": header},
            {"type": "ResponseHeaderModifier", "responseHeaderModifier": header},
        ],
    }
