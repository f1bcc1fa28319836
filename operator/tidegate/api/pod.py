"""spec.placement and spec.pod: where the pods run, and what else they carry."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from tidegate.api.base import LIST_ATOMIC, LIST_SET, FreeObject, SpecModel, list_map
from tidegate.api.cel import LABEL_VALUE, Rule, matches, object_name, quoted, rule, rules

QUALIFIED_NAME = (
    "^([a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
)
_QUALIFIED = f"name.matches({quoted(QUALIFIED_NAME)})"


def _keys(condition: str, message: str) -> Rule:
    return rule(f"self.all(name, {condition})", message, found=("%s", f"self.filter(name, !({condition}))"))


_QUALIFIED_KEYS = _keys(_QUALIFIED, "expected keys such as name or example.com/name")
_LABEL = Field(
    max_length=63, json_schema_extra=matches(LABEL_VALUE, "expected a label value: letters, digits, '-', '_' and '.'")
)
LabelValue = Annotated[str, _LABEL]


class Toleration(SpecModel):
    """One taint the pods tolerate."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "self.operator != 'Exists' || self.value == ''",
                "expected no value with operator Exists: remove it, or compare with operator Equal",
                found=('"%s"', "self.value"),
                path=".value",
            ),
            rule(
                "self.operator == 'Exists' || self.key != ''",
                "expected a key: name the taint's key, or set operator: Exists to tolerate every taint",
                path=".key",
            ),
            rule(
                "!has(self.tolerationSeconds) || has(self.effect) && self.effect == 'NoExecute'",
                "expected effect: NoExecute beside tolerationSeconds: no other effect removes running pods",
                path=".tolerationSeconds",
            ),
        )
    )

    key: Annotated[str, Field(max_length=317)] = ""
    """Key of the taint; empty with operator Exists for every taint."""

    operator: Literal["Equal", "Exists"] = "Equal"
    """How value is compared."""

    value: Annotated[str, Field(max_length=63)] = ""
    """Value of the taint; empty with operator Exists."""

    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """Effect of the taint. Default when unset: every effect."""

    toleration_seconds: Annotated[int, Field(ge=0, le=604_800)] | None = None
    """Seconds the pods stay on a node that gets the taint, with effect NoExecute. Default when unset: for ever."""


class Affinity(SpecModel):
    """Affinity rules of Kubernetes, passed on as they are."""

    node_affinity: FreeObject | None = None
    """Node affinity (core/v1 NodeAffinity). Default when unset: none."""

    pod_affinity: FreeObject | None = None
    """Affinity to other pods (core/v1 PodAffinity). Default when unset: none."""

    pod_anti_affinity: FreeObject | None = None
    """Distance from other pods (core/v1 PodAntiAffinity). Default when unset: none."""


class TopologySpreadConstraint(SpecModel):
    """How the pods spread over zones or nodes."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.minDomains) || self.whenUnsatisfiable == 'DoNotSchedule'",
                "expected whenUnsatisfiable: DoNotSchedule beside minDomains",
                path=".minDomains",
            )
        )
    )

    topology_key: Annotated[str, Field(min_length=1, max_length=317)]
    """Node label whose values are the domains, such as `topology.kubernetes.io/zone`."""

    max_skew: Annotated[int, Field(ge=1, le=1000)]
    """Largest difference in number of pods between two domains."""

    when_unsatisfiable: Literal["DoNotSchedule", "ScheduleAnyway"]
    """What happens to a pod that would exceed maxSkew."""

    label_selector: FreeObject | None = None
    """Which pods are counted (meta/v1 LabelSelector). Default when unset: none are, so set it."""

    match_label_keys: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=317)]], Field(max_length=8, json_schema_extra=LIST_SET)
    ] = []
    """Labels by whose values pods are counted apart, such as `tidegate.dev/revision`."""

    min_domains: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Least number of domains, with DoNotSchedule. Default when unset: 1."""

    node_affinity_policy: Literal["Honor", "Ignore"] | None = None
    """Whether node affinity and node selector narrow the domains. Default when unset: Honor."""

    node_taints_policy: Literal["Honor", "Ignore"] | None = None
    """Whether tainted nodes are left out. Default when unset: Ignore."""


class Placement(SpecModel):
    """Where the pods run."""

    node_selector: Annotated[dict[str, LabelValue], Field(max_length=32, json_schema_extra=rules(_QUALIFIED_KEYS))] = {}
    """Labels a node must have."""

    tolerations: Annotated[list[Toleration], Field(max_length=32, json_schema_extra=LIST_ATOMIC)] = []
    """Taints the pods tolerate."""

    affinity: Affinity = Affinity()
    """Affinity rules."""

    topology_spread_constraints: Annotated[
        list[TopologySpreadConstraint], Field(max_length=8, json_schema_extra=LIST_ATOMIC)
    ] = []
    """How the pods spread over zones or nodes."""

    priority_class_name: Annotated[
        str, Field(max_length=253, json_schema_extra=object_name("PriorityClass", optional=True))
    ] = ""
    """PriorityClass of the pods; empty for the cluster's own default."""

    runtime_class_name: Annotated[
        str, Field(max_length=253, json_schema_extra=object_name("RuntimeClass", optional=True))
    ] = ""
    """RuntimeClass of the pods, such as `nvidia`; empty for the cluster's own default."""

    scheduler_name: Annotated[str, Field(max_length=253, json_schema_extra=object_name("scheduler", optional=True))] = (
        ""
    )
    """Scheduler of the pods; empty for the cluster's own default."""


class LocalObjectReference(SpecModel):
    """An object in the same namespace."""

    name: Annotated[str, Field(max_length=253, json_schema_extra=object_name("Secret"))]
    """Name of the object."""


class PodSpec(SpecModel):
    """What else the pods carry."""

    labels: Annotated[
        dict[str, LabelValue],
        Field(
            max_length=32,
            json_schema_extra=rules(
                _QUALIFIED_KEYS,
                _keys(
                    "!name.startsWith('tidegate.dev/') && !name.startsWith('app.kubernetes.io/')",
                    "expected no label under tidegate.dev/ or app.kubernetes.io/: the operator sets those itself",
                ),
            ),
        ),
    ] = {}
    """Labels of the pods, besides the operator's own."""

    annotations: Annotated[
        dict[str, Annotated[str, Field(max_length=4096)]],
        Field(
            max_length=32,
            json_schema_extra=rules(
                _QUALIFIED_KEYS,
                _keys(
                    "!name.startsWith('tidegate.dev/')",
                    "expected no annotation under tidegate.dev/: the operator sets those itself",
                ),
            ),
        ),
    ] = {}
    """Annotations of the pods, besides the operator's own."""

    service_account_name: Annotated[
        str, Field(max_length=253, json_schema_extra=object_name("ServiceAccount", optional=True))
    ] = ""
    """ServiceAccount of the pods, whose token is then mounted; empty for none."""

    image_pull_secrets: Annotated[
        list[LocalObjectReference], Field(max_length=16, json_schema_extra=list_map("name"))
    ] = []
    """Secrets with registry credentials, for the server's image and the model's."""
