"""The ModelDeployment as the planner takes it: parsed, with the revision its spec asks for."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tidegate.api.names import revision_name
from tidegate.api.spec import ModelDeploymentSpec
from tidegate.api.status import ModelDeploymentStatus
from tidegate.manifests.metadata import Owner


@dataclass(frozen=True)
class Resource:
    """One ModelDeployment, read in this reconcile."""

    owner: Owner
    generation: int
    annotations: Mapping[str, str]
    spec: ModelDeploymentSpec
    status: ModelDeploymentStatus

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> "Resource":
        """Read the object as the API server gave it.

        Raises
        ------
        pydantic.ValidationError
            When spec or status do not fit the resource's models (an object stored by a much older or newer operator).
        """
        meta = body["metadata"]
        return cls(
            owner=Owner(meta["namespace"], meta["name"], meta["uid"]),
            generation=meta["generation"],
            annotations=meta.get("annotations") or {},
            spec=ModelDeploymentSpec.model_validate(body["spec"]),
            status=ModelDeploymentStatus.model_validate(body.get("status") or {}),
        )

    @cached_property
    def desired(self) -> str:
        """Name of the revision the spec asks for."""
        return revision_name(self.owner.name, self.spec)
