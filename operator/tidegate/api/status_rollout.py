"""status.rollout and status.afterPromotion: what is under way, and all that judges it."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from tidegate.api.base import FreeObject
from tidegate.api.rollout import Rollout
from tidegate.api.status_types import (
    ManyRequests,
    Message,
    Milliseconds,
    Name,
    Reason,
    RequestValue,
    StatusModel,
)


class Withdrawal(StatusModel):
    """Why the candidate is taken back."""

    reason: Reason
    """Why, in one word."""

    message: Message = ""
    """Why, in a sentence."""

    reject: bool
    """Whether the revision is remembered as rejected, so that it is not tried again."""


class Hold(StatusModel):
    """Why the weight does not rise and nothing is promoted."""

    reason: Reason
    """Why, in one word."""

    message: Message = ""
    """Why, in a sentence with its numbers."""

    since: datetime | None = None
    """Since when it has held for that reason without a break."""


class Promotion(StatusModel):
    """What promotes the candidate, decided at the last weight."""

    mode: Literal["NonInferior", "NoHarm"]
    """Proof that it is good enough, or no evidence of harm for long enough."""

    message: Message = ""
    """What that is expected to take."""


class RolloutStatus(StatusModel):
    """The rollout under way."""

    id: Name
    """Identity of the rollout: revision and generation."""

    started_at: datetime
    """When it started."""

    revision: Name
    """The candidate."""

    plan: Rollout
    """spec.rollout as it was at the start."""

    phase: Literal["Loading", "Stepping", "Promoting", "Withdrawing"]
    """Where it stands."""

    phase_since: datetime
    """Since when."""

    step: Annotated[int, Field(ge=0, le=1000)] = 0
    """Index number of the present step, from 0."""

    step_name: Annotated[str, Field(max_length=128)] = ""
    """The present step as shown to people."""

    step_since: datetime
    """When the step began."""

    step_judged_milliseconds: Milliseconds = 0
    """Judged time at this step, in milliseconds."""

    judged_milliseconds: Milliseconds = 0
    """Judged time of the rollout, in milliseconds."""

    bake_judged_milliseconds: Milliseconds = 0
    """Judged time since the last rise of the weight, in milliseconds."""

    bake_requests: ManyRequests = 0
    """Number of requests the candidate finished in the judged time since the last rise of the weight."""

    weight: Annotated[str, Field(max_length=32)] = ""
    """The candidate's weight as shown to people, in percent."""

    weight_decreased: bool = False
    """Whether the last change of the weight lowered it: late time-outs are then let pass before anything counts."""

    share_message: Message = ""
    """How the share measured differs from the weight; empty where it does not."""

    judged_until: datetime | None = None
    """End of the last interval that was counted; no sample up to it is counted again."""

    cell_milliseconds: Milliseconds | None = None
    """Length of an interval in milliseconds, fixed at the start."""

    cells_from_milliseconds: Milliseconds | None = None
    """When the first interval at the present weight began, as Unix time in milliseconds."""

    rise_from_milliseconds: Milliseconds | None = None
    """Before this moment, Unix time in milliseconds, a higher weight would be in force long before the next scrape."""

    metrics_problem: Message = ""
    """What was wrong with single proxies' metrics though they could be counted; empty for nothing."""

    alike_since: datetime | None = None
    """Since when both revisions were seen to have equal hardware and load, so that their latency may be compared; unset
    while they have not."""

    latency_note: Message = ""
    """Why latency is not compared or not counted now; empty where it is, or is not judged."""

    paused: bool = False
    """Whether it waits for a person."""

    inconclusive: bool = False
    """Whether it waits because maxSeconds passed without a verdict."""

    paused_by: RequestValue | None = None
    """The request by which a person paused it; unset where none did."""

    resumed: bool = False
    """Whether a person ended the present pause."""

    retreated: bool = False
    """Whether the weight went back to the first one."""

    hold: Hold | None = None
    """What the last measurement holds against a higher weight; unset for nothing."""

    withdraw: Withdrawal | None = None
    """Why the candidate is taken back; unset while it is not."""

    evidence: FreeObject = {}
    """The judge's running evidence."""

    pace: FreeObject = {}
    """What the harm budget allows: weights in parts per million (the most it may have now, the first one, the highest
    judged), and the traffic it is computed from."""

    promotion: Promotion | None = None
    """What promotes it; unset until the last weight is judged."""

    promoted_by: RequestValue | None = None
    """The request by which a person promoted it; unset where the judge did."""

    undoes: Withdrawal | None = None
    """Why stable is taken back and this revision, the one before it, comes again; unset in any other rollout."""

    message: Message = ""
    """What it waits for, in a sentence."""

    @property
    def late_timeouts(self) -> bool:
        """Time-outs of a higher weight may still come in."""
        return self.weight_decreased


class AfterPromotion(StatusModel):
    """The watch over a promoted revision while the one before it is kept."""

    revision: Name
    """The promoted revision."""

    plan: Rollout
    """spec.rollout as it was when the rollout started."""

    obeyed: bool = True
    """Whether a failure takes the revision back; otherwise it is only told of."""

    told: Message = ""
    """What was found and told of; empty for nothing."""

    judged_until: datetime | None = None
    """End of the last interval that was counted; no sample up to it is counted again."""

    cell_milliseconds: Milliseconds | None = None
    """Length of an interval in milliseconds, fixed at the start."""

    cells_from_milliseconds: Milliseconds | None = None
    """When the first interval at the present weight began, as Unix time in milliseconds."""

    evidence: FreeObject = {}
    """The judge's running evidence."""

    @property
    def late_timeouts(self) -> bool:
        """The revision has never had more traffic than now."""
        return False
