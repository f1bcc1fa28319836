"""spec of a ModelDeployment. One file a section; this one puts them together."""

from typing import Annotated

from pydantic import Field

from tidegate.api.base import SpecModel
from tidegate.api.pod import (
    Affinity,
    LocalObjectReference,
    Placement,
    PodSpec,
    Toleration,
    TopologySpreadConstraint,
)
from tidegate.api.rollout import (
    Analysis,
    Capacity,
    ErrorLimit,
    PauseStep,
    Query,
    RampStep,
    Rollout,
    Statistics,
    Step,
    WeightStep,
)
from tidegate.api.runtime import EnvVar, EnvVarSource, KeyReference, ResourceRequirements, RuntimeSpec, TritonRuntime
from tidegate.api.source import (
    ConfigMapItem,
    ConfigMapSource,
    ImageSource,
    ModelSpec,
    PersistentVolumeClaimSource,
    Source,
)
from tidegate.api.traffic import ParentRef, Traffic

__all__ = [
    "Affinity",
    "Analysis",
    "Capacity",
    "ConfigMapItem",
    "ConfigMapSource",
    "EnvVar",
    "EnvVarSource",
    "ErrorLimit",
    "ImageSource",
    "KeyReference",
    "LocalObjectReference",
    "ModelDeploymentSpec",
    "ModelSpec",
    "ParentRef",
    "PauseStep",
    "PersistentVolumeClaimSource",
    "Placement",
    "PodSpec",
    "Query",
    "RampStep",
    "ResourceRequirements",
    "Rollout",
    "RuntimeSpec",
    "Source",
    "Statistics",
    "Step",
    "Toleration",
    "TopologySpreadConstraint",
    "Traffic",
    "TritonRuntime",
    "WeightStep",
]


class ModelDeploymentSpec(SpecModel):
    """What the user asks for."""

    model: ModelSpec
    """The model, and where its files come from."""

    runtime: RuntimeSpec
    """The server that runs the model; exactly one."""

    replicas: Annotated[int, Field(ge=1, le=1000)] = 1
    """Number of pods that serve the stable revision."""

    resources: ResourceRequirements = ResourceRequirements()
    """Compute resources of each pod."""

    placement: Placement = Placement()
    """Where the pods run."""

    pod: PodSpec = PodSpec()
    """What else the pods carry."""

    traffic: Traffic
    """How requests reach the model."""

    suspend: bool = False
    """Keep everything as it is: nothing starts, rises, is promoted or removed and no clock runs, while repairs,
    lowering of weights and rollback go on."""

    rollout: Rollout = Rollout()
    """How a new revision is brought in."""
