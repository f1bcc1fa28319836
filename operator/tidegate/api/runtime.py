"""spec.runtime and spec.resources: the server that runs the model, and what one pod of it asks for."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from tidegate.api.base import LIST_ATOMIC, MAP_TYPE, Quantity, SpecModel, list_map
from tidegate.api.cel import SELF, exactly_one, matches, object_name, quoted, rule, rules
from tidegate.api.source import IMAGE_REFERENCE_RULE

OPERATORS_FLAGS = (
    "^--(model-repository|model-store|allow-http|http-port|grpc-port|metrics-port|exit-timeout-secs)(=.*)?$"
)

_KEY = matches("^[-._a-zA-Z0-9]+$", "expected a key of the object: letters, digits, '-', '_' and '.'")


class KeyReference(SpecModel):
    """One key of a Secret or a ConfigMap."""

    name: Annotated[str, Field(max_length=253, json_schema_extra=object_name("Secret or ConfigMap"))]
    """Name of the object, in the same namespace."""

    key: Annotated[str, Field(max_length=253, json_schema_extra=_KEY)]
    """Key in the object."""

    optional: bool = False
    """Start the server even where the object or the key is missing."""


class EnvVarSource(SpecModel):
    """Where a variable's value comes from: exactly one of the fields."""

    model_config = ConfigDict(json_schema_extra=exactly_one("references", "secretKeyRef", "configMapKeyRef"))

    secret_key_ref: KeyReference | None = None
    """A key of a Secret. Default when unset: configMapKeyRef is used."""

    config_map_key_ref: KeyReference | None = None
    """A key of a ConfigMap. Default when unset: secretKeyRef is used."""


class EnvVar(SpecModel):
    """One environment variable of the server."""

    model_config = ConfigDict(json_schema_extra=exactly_one("values", "value", "valueFrom"))

    name: Annotated[
        str,
        Field(
            max_length=128,
            json_schema_extra=matches(
                "^[-._a-zA-Z][-._a-zA-Z0-9]*$",
                "expected a variable's name: letters, digits, '_', '-' and '.', no digit first",
            ),
        ),
    ]
    """Name of the variable."""

    value: Annotated[str, Field(max_length=4096)] | None = None
    """Literal value. Default when unset: valueFrom is used."""

    value_from: EnvVarSource | None = None
    """Value from a Secret or a ConfigMap. Default when unset: value is used."""


Argument = Annotated[
    str,
    Field(
        min_length=1,
        max_length=1024,
        json_schema_extra=rules(
            rule(
                f"!self.matches({quoted(OPERATORS_FLAGS)})",
                "expected no flag the operator sets itself (model repository, HTTP, ports, exit timeout): remove it",
                found=SELF,
            )
        ),
    ),
]


class TritonRuntime(SpecModel):
    """NVIDIA Triton Inference Server."""

    # With its fields owned one by one, server-side apply of `triton: {}` would work once and never again: the second
    # time it prunes the defaulted fields nobody owns, and the empty object with them.
    model_config = ConfigDict(json_schema_extra={MAP_TYPE: "atomic"})

    image: Annotated[str, Field(min_length=1, max_length=512, json_schema_extra=IMAGE_REFERENCE_RULE)] | None = None
    """Server image. Default when unset: the operator's, written into each revision when it is created."""

    args: Annotated[list[Argument], Field(max_length=64, json_schema_extra=LIST_ATOMIC)] = []
    """Arguments of `tritonserver` besides those the operator sets (model repository, HTTP, ports, exit timeout)."""

    env: Annotated[list[EnvVar], Field(max_length=64, json_schema_extra=list_map("name"))] = []
    """Environment variables of the server."""

    shared_memory_bytes: Annotated[int, Field(ge=1_048_576, le=1_099_511_627_776)] = 268_435_456
    """Size of /dev/shm in bytes; it counts towards the pod's memory. Python models need 64 MiB each or more."""


class RuntimeSpec(SpecModel):
    """The server that runs the model: exactly one of the fields."""

    model_config = ConfigDict(json_schema_extra=exactly_one("runtimes", "triton"))

    triton: TritonRuntime | None = None
    """NVIDIA Triton Inference Server; `{}` takes every default. Default when unset: another runtime is used."""


def _resource_rules() -> dict[str, Any]:
    known = "name in ['cpu', 'memory', 'ephemeral-storage'] || name.startsWith('hugepages-') || name.contains('/')"
    valid = "isQuantity(string(self[name])) && !quantity(string(self[name])).isLessThan(quantity('0'))"
    whole = f"!name.contains('/') || !({valid}) || quantity(string(self[name])).isInteger()"
    shown = "'%s: %s'.format([name, string(self[name])])"
    return rules(
        rule(
            f"self.all(name, {known})",
            "expected cpu, memory, ephemeral-storage, hugepages-<size>, or a resource with its domain, such as "
            "nvidia.com/gpu",
            found=("%s", f"self.filter(name, !({known}))"),
        ),
        rule(
            f"self.all(name, {valid})",
            "expected a quantity that is not negative, such as 1, 500m or 2Gi",
            found=("%s", f"self.filter(name, !({valid})).map(name, {shown})"),
        ),
        rule(
            f"self.all(name, {whole})",
            "expected a whole number: such a device is not shared out in parts",
            found=("%s", f"self.filter(name, !({whole})).map(name, {shown})"),
        ),
    )


ResourceList = Annotated[dict[str, Quantity], Field(max_length=16, json_schema_extra=_resource_rules())]


def _limits_rules() -> dict[str, Any]:
    def amount(field: str) -> str:
        return f"string(self.{field}[name])"

    quantities = f"isQuantity({amount('requests')}) && isQuantity({amount('limits')})"
    compared = f"quantity({amount('requests')}).compareTo(quantity({amount('limits')}))"
    over = f"name in self.limits && {quantities} && {compared} > 0"
    unequal = f"name.contains('/') && (!(name in self.limits) || {quantities} && {compared} < 0)"
    return rules(
        rule(
            f"!self.requests.exists(name, {over})",
            "expected no request over its limit: lower the request or raise the limit",
            found=(
                "%s",
                f"self.requests.filter(name, {over}).map(name, "
                f"'%s: %s over %s'.format([name, {amount('requests')}, {amount('limits')}]))",
            ),
            path=".requests",
        ),
        rule(
            f"!self.requests.exists(name, {unequal})",
            "expected a limit equal to the request: set such a resource under limits only",
            found=("%s without an equal limit", f"self.requests.filter(name, {unequal})"),
            path=".requests",
        ),
    )


class ResourceRequirements(SpecModel):
    """Compute resources of the server container of one pod."""

    model_config = ConfigDict(json_schema_extra=_limits_rules())

    limits: ResourceList = {}
    """Most of each resource one pod may use, as Kubernetes quantities; GPUs by their resource name."""

    requests: ResourceList = {}
    """What the scheduler sets aside for one pod, as Kubernetes quantities. Where a resource is missing: its limit."""
