"""What a gateway's controller writes into the status of a route, for tests that stand in for one."""

from collections.abc import Mapping
from typing import Any


def accepted(
    parent: Mapping[str, object], controller: str, generation: int, at: str = "2026-01-01T00:00:00Z"
) -> dict[str, Any]:
    """The entry of status.parents by which that controller accepts that generation of a route."""
    conditions = [
        {
            "type": kind,
            "status": "True",
            "reason": kind,
            "message": "",
            "observedGeneration": generation,
            "lastTransitionTime": at,
        }
        for kind in ("Accepted", "ResolvedRefs")
    ]
    return {"parentRef": parent, "controllerName": controller, "conditions": conditions}
