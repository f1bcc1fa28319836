"""status of a ModelDeployment: the operator's memory. Bounded, so that it can always be written."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from tidegate.api.base import LIST_ATOMIC, list_map
from tidegate.api.names import Letter
from tidegate.api.status_rollout import AfterPromotion, Hold, Promotion, RolloutStatus, Withdrawal
from tidegate.api.status_types import (
    Condition,
    Count,
    Message,
    Name,
    PartsPerMillion,
    Reason,
    RequestValue,
    StatusModel,
)

__all__ = [
    "DECISIONS_KEPT",
    "REJECTIONS_KEPT",
    "Address",
    "AfterPromotion",
    "Decision",
    "Held",
    "Hold",
    "ModelDeploymentStatus",
    "Promotion",
    "Rejection",
    "Requests",
    "RevisionStatus",
    "RolloutStatus",
    "Slot",
    "Slots",
    "Withdrawal",
]

DECISIONS_KEPT = 20
REJECTIONS_KEPT = 10


class Address(StatusModel):
    """Where clients find the model."""

    url: Annotated[str, Field(max_length=2048)]
    """URL of the route, by its first host name."""


class Slot(StatusModel):
    """One of the route's two backends."""

    revision: Name | None = None
    """Revision in the slot; unset for none."""

    weight: PartsPerMillion = 0
    """Weight written to the route, in parts per million."""

    written_at: datetime | None = None
    """When the weight was decided on."""

    in_force_since: datetime | None = None
    """Since when the gateway uses the weight; unset while it does not yet."""


class Slots(StatusModel):
    """The route's two backends; revisions change places, slots never move."""

    a: Slot = Field(default_factory=Slot)
    """First backend of the route, Service NAME-a."""

    b: Slot = Field(default_factory=Slot)
    """Second backend of the route, Service NAME-b."""

    def of(self, letter: Letter) -> Slot:
        """The slot of that letter."""
        return self.a if letter == "a" else self.b


class RevisionStatus(StatusModel):
    """One revision that has pods."""

    name: Name
    """Name of the revision, its ControllerRevision and its Deployment."""

    artifact: Message = ""
    """The model's files as resolved when the revision was created."""

    created_at: datetime
    """When the revision was brought in."""

    replicas: Count
    """Number of pods wanted."""

    ready_replicas: Count = 0
    """Number of pods that are ready behind the revision's slot."""

    role: Literal["Stable", "Candidate", "Previous"]
    """What the revision is to users."""


class Decision(StatusModel):
    """One verdict."""

    at: datetime
    """When it was made, or made again, last."""

    step: Annotated[int, Field(ge=0, le=1000)] | None = None
    """Index number of the step, from 0; unset outside a rollout."""

    weight: PartsPerMillion
    """The candidate's weight then, in parts per million."""

    verdict: Literal["Promote", "Rollback", "Hold"]
    """What was decided."""

    reason: Reason
    """Why, in one word."""

    message: Message = ""
    """Why, in a sentence with its numbers."""

    revision: Name
    """The revision it was about."""

    count: Count = 1
    """Number of times it was made in a row."""


class Rejection(StatusModel):
    """One revision that was taken back and is not tried again by itself."""

    revision: Name
    """The revision."""

    at: datetime
    """When it was rejected."""

    reason: Reason
    """Why, in one word."""

    message: Message = ""
    """Why, in a sentence with its numbers."""


class Requests(StatusModel):
    """Last acknowledged value of each request annotation; another value is a new request."""

    promote: RequestValue | None = None
    """Last `tidegate.dev/promote`."""

    abort: RequestValue | None = None
    """Last `tidegate.dev/abort`."""

    retry: RequestValue | None = None
    """Last `tidegate.dev/retry`."""

    pause: RequestValue | None = None
    """Last `tidegate.dev/pause`."""

    resume: RequestValue | None = None
    """Last `tidegate.dev/resume`."""

    undo: RequestValue | None = None
    """Last `tidegate.dev/undo`."""


class Held(StatusModel):
    """Why the revision the spec asks for is not started by itself."""

    generation: Count
    """metadata.generation (a number) it holds for; another generation is tried."""

    reason: Reason
    """Why, in one word."""

    message: Message = ""
    """Why, in a sentence."""


class ModelDeploymentStatus(StatusModel):
    """What is there, and what the operator remembers."""

    observed_generation: Count | None = None
    """metadata.generation (a number) this status is about."""

    conditions: Annotated[list[Condition], Field(max_length=16, json_schema_extra=list_map("type"))] = []
    """Ready, Reconciling and Stalled by the conventions of kstatus, and what they rest on."""

    replicas: Count = 0
    """Number of ready pods of the stable revision."""

    selector: Annotated[str, Field(max_length=1024)] = ""
    """Label selector of the pods, for the scale subresource."""

    address: Address | None = None
    """Where clients find the model."""

    stable: Name | None = None
    """The revision users get."""

    candidate: Name | None = None
    """The revision being brought in."""

    previous: Name | None = None
    """The last stable revision, kept running for a while."""

    keep_previous_until: datetime | None = None
    """Until when previous is kept."""

    suspended_since: datetime | None = None
    """Since when spec.suspend is seen; unset while it is not."""

    slots: Slots = Field(default_factory=Slots)
    """The route's two backends."""

    revisions: Annotated[list[RevisionStatus], Field(max_length=3, json_schema_extra=list_map("name"))] = []
    """Revisions that have pods."""

    rollout: RolloutStatus | None = None
    """The rollout under way; unset for none."""

    after_promotion: AfterPromotion | None = None
    """The watch over the stable revision while previous is kept; unset for none."""

    decisions: Annotated[list[Decision], Field(max_length=DECISIONS_KEPT, json_schema_extra=LIST_ATOMIC)] = []
    """Last verdicts, oldest first."""

    rejected: Annotated[list[Rejection], Field(max_length=REJECTIONS_KEPT, json_schema_extra=LIST_ATOMIC)] = []
    """Revisions that were taken back, oldest first."""

    requests: Requests = Field(default_factory=Requests)
    """Requests by annotation that were acknowledged."""

    held: Held | None = None
    """Why the revision the spec asks for is not started by itself; unset where it is."""
