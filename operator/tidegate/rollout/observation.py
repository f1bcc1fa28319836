"""What one reconcile saw of the cluster, reduced to what the planner decides on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tidegate.api.names import Letter
from tidegate.runtimes.signature import Signature


@dataclass(frozen=True, kw_only=True)
class Pod:
    """One pod of a revision.

    Attributes
    ----------
    ready_since
        Since when it is ready; None while it is not.
    terminating
        On its way out, or ended for good as an evicted pod has.
    unschedulable
        The scheduler's words while it finds no node; empty otherwise.
    waiting_reason, waiting_message
        Why the server container does not run (``ImagePullBackOff``...); empty while it runs.
    restarts
        How often the server container was started again.
    exit_code, exit_reason, last_words
        The server container's last exit; `exit_code` is None if it never exited.
    """

    name: str
    revision: str
    ready: bool = False
    ready_since: datetime | None = None
    terminating: bool = False
    unschedulable: str = ""
    waiting_reason: str = ""
    waiting_message: str = ""
    restarts: int = 0
    exit_code: int | None = None
    exit_reason: str = ""
    last_words: str = ""

    @property
    def creating(self) -> bool:
        """Has a node, and waits there for volumes or for an image to be pulled."""
        return self.waiting_reason == "ContainerCreating"


@dataclass(frozen=True, kw_only=True)
class Route:
    """The HTTPRoute as seen.

    Attributes
    ----------
    weights
        Slot letter to the weight written in the route, parts per million; None while there is no route.
    accepted
        Every parent accepted this generation of the route and resolved its references.
    reason, message
        Why not, in the gateway's own words; empty where `accepted`.
    writers
        Field managers besides us that wrote the rules as they are.
    controllers
        Names of the controllers that answered for the gateways asked for, each once.
    """

    weights: Mapping[Letter, int] | None = None
    accepted: bool = False
    reason: str = "NoRoute"
    message: str = "the route does not exist yet"
    writers: tuple[str, ...] = ()
    controllers: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Observation:
    """Everything the planner sees besides the resource itself.

    Attributes
    ----------
    controller_revisions
        Revision name to its ControllerRevision object.
    deployments
        Revision name to the replicas its Deployment asks for.
    pods_refused
        Revision name to the API server's words where it refuses to have its pods made.
    endpoints
        Slot letter to the number of ready endpoints behind its Service.
    selected
        Service key (``stable``, ``a``, ``b``) to the revision its selector picks; absent where there is no Service.
    names_taken
        Objects that bear a name we need and are controlled by somebody else, as ``Kind name``.
    missing_config_map
        Name of the ConfigMap the desired revision copies, where it does not exist.
    quiet
        Slot letter to whether every proxy was seen to have stopped sending it requests; absent where that was not asked
        or could not be told.
    refused
        Objects that the API server last refused to have written, as ``Kind name``, to its words.
    signatures
        Revision name to what its servers say they take and give, or to why that is not known; only where it was asked.
    gateway_trouble
        Why the requests of the route cannot be counted, by what runs its gateways; empty where they can, or while none
        has answered.
    """

    controller_revisions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    deployments: Mapping[str, int] = field(default_factory=dict)
    pods_refused: Mapping[str, str] = field(default_factory=dict)
    pods: tuple[Pod, ...] = ()
    endpoints: Mapping[Letter, int] = field(default_factory=lambda: {"a": 0, "b": 0})
    selected: Mapping[str, str | None] = field(default_factory=dict)
    route: Route = Route()
    names_taken: tuple[str, ...] = ()
    missing_config_map: str = ""
    quiet: Mapping[Letter, bool] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    signatures: Mapping[str, Signature | str] = field(default_factory=dict)
    gateway_trouble: str = ""

    def pods_of(self, revision: str) -> list[Pod]:
        """Pods of `revision` that are not on their way out."""
        return [pod for pod in self.pods if pod.revision == revision and not pod.terminating]
