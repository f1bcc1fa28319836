"""The working copy a plan is written on: status to be recorded, events to be told, and when to look again."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from tidegate.api.names import LETTERS, Letter
from tidegate.api.status import (
    DECISIONS_KEPT,
    REJECTIONS_KEPT,
    Decision,
    ModelDeploymentStatus,
    Rejection,
    RevisionStatus,
    RolloutStatus,
    Slot,
    Withdrawal,
)
from tidegate.judge.verdict import Verdict
from tidegate.rollout.failures import Trouble, trouble_of
from tidegate.rollout.observation import Observation
from tidegate.rollout.resource import Resource


@dataclass(frozen=True)
class Event:
    """A Kubernetes Event to be emitted once the status that goes with it is recorded."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str


@dataclass(frozen=True)
class Plan:
    """What to record, what to tell, and when to look again.

    Attributes
    ----------
    status
        The status to write before anything else is done.
    wake_after
        Seconds until the next look is wanted; None where only a change can matter.
    """

    status: ModelDeploymentStatus
    events: tuple[Event, ...] = ()
    wake_after: float | None = None


@dataclass
class Draft:
    """Mutable state of one planning pass; nothing of it outlives the pass."""

    resource: Resource
    seen: Observation
    now: datetime
    status: ModelDeploymentStatus = field(init=False)
    events: list[Event] = field(default_factory=list)
    wakes: list[datetime] = field(default_factory=list)
    verdict: Verdict | None = None

    def __post_init__(self) -> None:
        # A deep copy, many times faster than that of the copy module.
        self.status = ModelDeploymentStatus.model_validate(self.resource.status.model_dump(by_alias=True))

    @property
    def suspended(self) -> bool:
        """Nothing may start, rise, be promoted or removed."""
        return self.resource.spec.suspend

    @property
    def kept_still(self) -> bool:
        """A person keeps the rollout where it is: by spec.suspend, or by a pause they asked for."""
        rollout = self.status.rollout
        return self.suspended or (rollout is not None and rollout.paused_by is not None)

    def finish(self) -> Plan:
        """Close the draft."""
        waits = [max(0.0, (wake - self.now).total_seconds()) for wake in self.wakes]
        return Plan(status=self.status, events=tuple(self.events), wake_after=min(waits, default=None))

    def wake_at(self, moment: datetime) -> None:
        """Ask to be called again at `moment` even if nothing changes."""
        self.wakes.append(moment)

    def wake_in(self, seconds: float) -> None:
        """Ask to be called again after `seconds` even if nothing changes."""
        self.wakes.append(self.now + timedelta(seconds=seconds))

    def tell(self, reason: str, message: str, *, warning: bool = False) -> None:
        """Emit an Event with this plan."""
        self.events.append(Event("Warning" if warning else "Normal", reason, message))

    def slot(self, letter: Letter) -> Slot:
        """Status of one slot."""
        return self.status.slots.of(letter)

    def letter_of(self, revision: str | None) -> Letter | None:
        """Slot that holds `revision`."""
        if revision is None:
            return None
        return next((letter for letter in LETTERS if self.slot(letter).revision == revision), None)

    def ready(self, revision: str | None) -> int:
        """Ready endpoints behind the slot of `revision`."""
        letter = self.letter_of(revision)
        if letter is None or self.seen.selected.get(letter) != revision:
            return 0
        return self.seen.endpoints.get(letter, 0)

    def trouble(self, revision: str | None, *, served: bool) -> Trouble | None:
        """What keeps the pods of `revision` from serving."""
        if revision is None:
            return None
        refused = self.seen.pods_refused.get(revision, "")
        return trouble_of(self.seen.pods_of(revision), served=served, refused=refused)

    def revision_status(self, name: str | None) -> RevisionStatus | None:
        """Status entry of revision `name`."""
        return next((entry for entry in self.status.revisions if entry.name == name), None)

    def forget_revision(self, name: str) -> None:
        """Drop `name` from slots and revisions: its objects are deleted by what follows from that."""
        for letter in LETTERS:
            if self.slot(letter).revision == name:
                self.slot(letter).revision = None
        self.status.revisions = [entry for entry in self.status.revisions if entry.name != name]

    def begin_rollout(
        self, revision: str, phase: Literal["Loading", "Promoting", "Withdrawing"], withdraw: Withdrawal | None = None
    ) -> None:
        """Put a rollout of `revision` under way in `phase`, by the plan as the spec has it now."""
        self.status.rollout = RolloutStatus(
            id=f"{revision}.{self.resource.generation}",
            started_at=self.now,
            revision=revision,
            plan=self.resource.spec.rollout.model_copy(deep=True),
            phase=phase,
            phase_since=self.now,
            step_since=self.now,
            withdraw=withdraw,
        )

    def decide(self, verdict: Literal["Promote", "Rollback", "Hold"], reason: str, message: str, revision: str) -> None:
        """Record a verdict; one equal to the last in step, verdict and reason only refreshes it."""
        rollout = self.status.rollout
        step = rollout.step if rollout else None
        weight = self.slot(letter).weight if (letter := self.letter_of(revision)) else 0
        last = self.status.decisions[-1] if self.status.decisions else None
        if last and (last.step, last.verdict, last.reason, last.revision) == (step, verdict, reason, revision):
            if last.message != message:
                last.message, last.at, last.weight, last.count = message, self.now, weight, last.count + 1
            return
        entry = Decision(
            at=self.now,
            step=step,
            weight=weight,
            verdict=verdict,
            reason=reason,
            message=message,
            revision=revision,
        )
        self.status.decisions = _last([*self.status.decisions, entry], DECISIONS_KEPT)

    def reject(self, revision: str, reason: str, message: str) -> None:
        """Remember that `revision` was taken back; the desired revision's entry is never evicted."""
        others = [entry for entry in self.status.rejected if entry.revision != revision]
        while len(others) >= REJECTIONS_KEPT:
            victim = next(entry for entry in others if entry.revision != self.resource.desired)
            others.remove(victim)
        self.status.rejected = [*others, Rejection(revision=revision, at=self.now, reason=reason, message=message)]

    def rejection(self, revision: str) -> Rejection | None:
        """Why `revision` was taken back, if it was."""
        return next((entry for entry in self.status.rejected if entry.revision == revision), None)


def _last(items: Iterable[Decision], count: int) -> list[Decision]:
    return list(items)[-count:]
