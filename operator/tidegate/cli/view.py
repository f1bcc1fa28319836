"""A ModelDeployment as commands look at it."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from tidegate.api.names import LETTERS, REQUEST_VERBS, annotation
from tidegate.api.status import ModelDeploymentStatus, RevisionStatus, RolloutStatus
from tidegate.api.status_types import Condition
from tidegate.cli.errors import CommandError
from tidegate.judge.pace import Pace
from tidegate.judge.state import Evidence
from tidegate.rollout.resource import Resource
from tidegate.rollout.traffic import percent

UNKNOWN = Condition(
    type="Ready",
    status="Unknown",
    reason="NotLookedAt",
    message="the operator has not looked at it yet: does it run, and watch this namespace?",
    last_transition_time=datetime(1970, 1, 1, tzinfo=UTC),
)


def parse(body: Mapping[str, Any]) -> Resource:
    """Read the object as the API server gave it.

    Raises
    ------
    CommandError
        If it was stored by another version.
    """
    try:
        resource = Resource.parse(body)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        name = body["metadata"]["name"]
        raise CommandError(
            f"{name} was stored by another version of Tidegate: {where}: {error.errors()[0]['msg']}; "
            "use the command line of the operator's version"
        ) from error
    if resource.status.rollout is not None:
        _forget_unreadable(resource.status.rollout)
    return resource


def _forget_unreadable(rollout: RolloutStatus) -> None:
    """Evidence that another version wrote in another form is taken for none, so that the rest can be told."""
    readers: tuple[tuple[str, Callable[[Mapping[str, Any]], object]], ...] = (
        ("evidence", Evidence.from_status),
        ("pace", Pace.from_status),
    )
    for name, read in readers:
        try:
            if written := getattr(rollout, name):
                read(written)
        except (AttributeError, KeyError, TypeError, ValueError):
            setattr(rollout, name, {})


def condition(status: ModelDeploymentStatus, kind: str = "Ready") -> Condition:
    """One condition; of unknown status while the operator has not looked."""
    return next((found for found in status.conditions if found.type == kind), UNKNOWN)


def current(resource: Resource) -> bool:
    """Whether the status is about the spec as it is, and every request was acknowledged."""
    requests, annotations = resource.status.requests, resource.annotations
    waiting = (
        verb
        for verb in REQUEST_VERBS
        if (value := annotations.get(annotation(verb))) is not None and value != getattr(requests, verb)
    )
    return resource.status.observed_generation == resource.generation and next(waiting, None) is None


def entry(status: ModelDeploymentStatus, revision: str | None) -> RevisionStatus | None:
    """Status entry of a revision that has pods."""
    return next((found for found in status.revisions if found.name == revision), None)


def weight(status: ModelDeploymentStatus, revision: str | None) -> int:
    """Weight of a revision in the route, parts per million."""
    slots = (status.slots.of(letter) for letter in LETTERS)
    return next((slot.weight for slot in slots if revision is not None and slot.revision == revision), 0)


def pods(status: ModelDeploymentStatus, revision: str | None) -> str:
    """For example "1 of 2 pods ready"."""
    found = entry(status, revision)
    return f"{found.ready_replicas} of {found.replicas} pods ready" if found else "no pods"


def share(status: ModelDeploymentStatus, revision: str | None) -> str:
    """A revision's weight for people."""
    return part(weight(status, revision))


def part(parts: int) -> str:
    """A weight in parts per million for people."""
    return percent(parts) if parts else "0 %"


def waits_for(resource: Resource) -> str:
    """What keeps it from being ready, a word and a sentence; empty where it is."""
    ready, rollout = condition(resource.status), resource.status.rollout
    if ready.status == "True":
        return ""
    if rollout is not None and ready.reason == rollout.phase == "Stepping":
        if rollout.hold is not None:
            return f"held, {rollout.hold.reason}: {rollout.hold.message}"
        return f"{ready.reason}: {rollout.message or 'the next interval is being counted'}"
    return f"{ready.reason}: {ready.message}"


def created(body: Mapping[str, Any]) -> datetime:
    """When the object was made."""
    return datetime.fromisoformat(body["metadata"]["creationTimestamp"])
