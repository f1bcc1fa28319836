"""Devices a rollout takes, and those that are free."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tidegate.api.spec import ModelDeploymentSpec
from tidegate.cli.quantity import Quantity, is_quantity
from tidegate.rollout.capacity import candidate_size
from tidegate.rollout.steps import share_of

ENDED = ("Succeeded", "Failed")
Object = Mapping[str, Any]


@dataclass(frozen=True)
class Need:
    """Devices of one kind, such as ``nvidia.com/gpu``."""

    resource: str
    each: int
    pods: int

    @property
    def total(self) -> int:
        """Devices all those pods take together."""
        return self.each * self.pods


def candidate_pods(spec: ModelDeploymentSpec) -> int:
    """Most pods a candidate has beside stable: for its largest weight, and all of them before it takes all traffic."""
    shares = [share for step in spec.rollout.steps if (share := share_of(step)) is not None]
    return max([spec.replicas, *(candidate_size(share, spec.replicas) for share in shares)])


def needs(spec: ModelDeploymentSpec, pods: int) -> list[Need]:
    """Devices of so many pods; whatever has a domain in its name is one."""
    asked = {name: _number(amount) for name, amount in spec.resources.limits.items() if "/" in name}
    return [Need(name, int(each), pods) for name, each in asked.items() if each > 0]


def pods_that_fit(need: Need, spec: ModelDeploymentSpec, nodes: Iterable[Object], pods: Iterable[Object]) -> int:
    """Pods that find that many devices together on a node that takes pods and bears the labels asked for."""
    taken: dict[str, Decimal] = {}
    for pod in pods:
        node = pod["spec"].get("nodeName")
        if node and pod.get("status", {}).get("phase") not in ENDED:
            taken[node] = taken.get(node, Decimal(0)) + _asked_by(pod, need.resource)
    fitting = 0
    for node in nodes:
        if _takes_pods(node, spec.placement.node_selector):
            there = _number(node["status"].get("allocatable", {}).get(need.resource, "0"))
            free = there - taken.get(node["metadata"]["name"], Decimal(0))
            fitting += max(0, int(free // need.each))
    return fitting


def _takes_pods(node: Object, labels: Mapping[str, str]) -> bool:
    conditions = node["status"].get("conditions", [])
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
    bears = node["metadata"].get("labels", {})
    return ready and not node["spec"].get("unschedulable") and all(bears.get(k) == v for k, v in labels.items())


def _asked_by(pod: Object, resource: str) -> Decimal:
    """As the scheduler counts it: containers together, or one before them where that asks for more."""
    spec = pod["spec"]
    together = sum((_of(container, resource) for container in spec["containers"]), Decimal(0))
    return max([together, *(_of(container, resource) for container in spec.get("initContainers", []))])


def _of(container: Object, resource: str) -> Decimal:
    resources = container.get("resources", {})
    found = resources.get("requests", {}).get(resource, resources.get("limits", {}).get(resource, "0"))
    return _number(found)


def _number(amount: str) -> Decimal:
    return Quantity(str(amount)).value if is_quantity(str(amount)) else Decimal(0)
