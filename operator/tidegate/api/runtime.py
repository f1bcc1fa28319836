"""spec.runtime and spec.resources: the server that runs the model, and what one pod of it asks for."""

from typing import Annotated

from pydantic import Field

from tidegate.api.base import Quantity, SpecModel


class KeyReference(SpecModel):
    """One key of a Secret or a ConfigMap."""

    name: Annotated[str, Field(max_length=253)]
    """Name of the object, in the same namespace."""

    key: Annotated[str, Field(min_length=1, max_length=253)]
    """Key in the object."""

    optional: bool = False
    """Start the server even where the object or the key is missing."""


class EnvVarSource(SpecModel):
    """Where a variable's value comes from: exactly one of the fields."""

    secret_key_ref: KeyReference | None = None
    """A key of a Secret. Default when unset: configMapKeyRef is used."""

    config_map_key_ref: KeyReference | None = None
    """A key of a ConfigMap. Default when unset: secretKeyRef is used."""


class EnvVar(SpecModel):
    """One environment variable of the server."""

    name: Annotated[str, Field(max_length=128)]
    """Name of the variable."""

    value: Annotated[str, Field(max_length=4096)] | None = None
    """Literal value. Default when unset: valueFrom is used."""

    value_from: EnvVarSource | None = None
    """Value from a Secret or a ConfigMap. Default when unset: value is used."""


class TritonRuntime(SpecModel):
    """NVIDIA Triton Inference Server."""

    image: Annotated[str, Field(max_length=512)] | None = None
    """Server image. Default when unset: the operator's, written into each revision when it is created."""

    args: Annotated[list[Annotated[str, Field(max_length=1024)]], Field(max_length=64)] = []
    """Arguments of `tritonserver` besides those the operator sets (model repository, ports, exit timeout)."""

    env: Annotated[list[EnvVar], Field(max_length=64)] = []
    """Environment variables of the server."""

    shared_memory_bytes: Annotated[int, Field(ge=1_048_576, le=1_099_511_627_776)] = 268_435_456
    """Size of /dev/shm in bytes; it counts towards the pod's memory. Python models need 64 MiB each or more."""


class RuntimeSpec(SpecModel):
    """The server that runs the model: exactly one of the fields."""

    triton: TritonRuntime | None = None
    """NVIDIA Triton Inference Server; `{}` takes every default. Default when unset: another runtime is used."""


class ResourceRequirements(SpecModel):
    """Compute resources of the server container of one pod."""

    limits: dict[str, Quantity] = {}
    """Most of each resource one pod may use, as Kubernetes quantities; GPUs by their resource name."""

    requests: dict[str, Quantity] = {}
    """What the scheduler sets aside for one pod, as Kubernetes quantities. Where a resource is missing: its limit."""
