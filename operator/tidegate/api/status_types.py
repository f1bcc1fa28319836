"""What the fields of a status are made of: bounded, checked as they are assigned."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field

from tidegate.api.base import ApiModel

MESSAGE_LENGTH = 4096


def _shortened(text: str) -> str:
    return text if len(text) <= MESSAGE_LENGTH else text[: MESSAGE_LENGTH - 1] + "…"


Name = Annotated[str, Field(max_length=253)]
Reason = Annotated[str, Field(max_length=128)]
Message = Annotated[str, AfterValidator(_shortened), Field(json_schema_extra={"maxLength": MESSAGE_LENGTH})]
RequestValue = Annotated[str, Field(max_length=262_144)]
"""An annotation's value, however long: the API server allows that many bytes for all annotations of an object."""
PartsPerMillion = Annotated[int, Field(ge=0, le=1_000_000)]
Count = Annotated[int, Field(ge=0, le=2_147_483_647)]
ManyRequests = Annotated[int, Field(ge=0, le=9_007_199_254_740_991)]
Milliseconds = Annotated[int, Field(ge=0, le=9_007_199_254_740_991)]


class StatusModel(ApiModel):
    """Base of what the operator writes; assignments are checked, so that what cannot be stored is never planned."""

    model_config = ConfigDict(validate_assignment=True)


class Condition(StatusModel):
    """One condition (meta/v1 Condition)."""

    type: Annotated[str, Field(max_length=316)]
    """What is stated: Ready, Available, Reconciling, Stalled, MetricsAvailable, RouteReady or CapacityAvailable."""

    status: Literal["True", "False", "Unknown"]
    """Whether it holds."""

    reason: Reason
    """Why, in one word."""

    message: Message = ""
    """Why, in a sentence."""

    last_transition_time: datetime
    """When status changed last."""

    observed_generation: Count | None = None
    """metadata.generation (a number) this was said about."""
