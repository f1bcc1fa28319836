"""`tidegate promote`, `abort`, `retry`, `pause`, `resume`, `undo`: a request to the operator, and what came of it."""

import getpass
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated

import typer

from tidegate.api.names import REQUEST_VERBS, Verb, annotation
from tidegate.cli.cluster import Cluster
from tidegate.cli.errors import DID_NOT_HAPPEN, TIME_IS_UP, CommandError
from tidegate.cli.options import Name, on_cluster
from tidegate.cli.polling import looks
from tidegate.cli.requests import REFUSED, refusal, target
from tidegate.cli.view import condition, parse
from tidegate.clients.errors import Conflict

ATTEMPTS = 5
LOOK_SECONDS = 0.5
EVENT_SECONDS = 3.0
"""The operator tells an Event just after it acknowledged; it may get lost."""

HELP: dict[Verb, str] = {
    "promote": "Promote the candidate now, whatever the judge says; it grows to full size first.",
    "abort": "Take the candidate back and reject it.",
    "retry": "Try the revision the spec asks for again, after it was rejected or found no room.",
    "pause": "Keep the candidate at its weight until it is resumed; harm still takes it back.",
    "resume": "End the pause the candidate is in.",
    "undo": "Bring the previous revision back while it is kept, and reject the present one.",
}

Timeout = Annotated[float, typer.Option(min=0.0, help="Seconds to wait until the operator has acknowledged.")]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for what comes of it.")]


def request_id(now: datetime) -> str:
    """Who asks, and when."""
    try:
        who = getpass.getuser()
    except (OSError, KeyError):
        who = "somebody"
    return f"{who}-{now:%Y%m%dT%H%M%SZ}"


def ask(cluster: Cluster, name: str, verb: Verb, identity: str) -> str:
    """Write the request for the right revision; returns its value.

    Raises
    ------
    CommandError
        If the operator would refuse it, or another revision is concerned since somebody else changed the object.
    """
    named: str | None = None
    for _ in range(ATTEMPTS):
        found = cluster.deployment(name)
        resource = parse(found)
        revision = target(resource, verb)
        if named not in (None, revision):
            told = f"meanwhile it is about {revision or 'no revision'}, not {named}; look at it with `tidegate explain`"
            raise CommandError(f"{verb} {name}: {told}", code=DID_NOT_HAPPEN)
        if why := refusal(resource, verb, datetime.now(UTC)):
            raise CommandError(f"{verb} {name}: {why}", code=DID_NOT_HAPPEN)
        named, value = revision, f"{revision}/{identity}"
        try:
            cluster.annotate(found, verb, value)
        except Conflict:
            continue
        return value
    raise CommandError(f"{verb} {name}: others keep changing it; try again", code=DID_NOT_HAPPEN)


def acknowledged(cluster: Cluster, name: str, verb: Verb, value: str, timeout: float) -> None:
    """Wait until the operator has seen the request.

    Raises
    ------
    CommandError
        If it does not in time, or somebody else's request takes the place of this one first.
    """
    for _ in looks(timeout, LOOK_SECONDS):
        resource = parse(cluster.deployment(name))
        if getattr(resource.status.requests, verb) == value:
            return
        present = resource.annotations.get(annotation(verb))
        if present != value:
            told = f"{present} took its place" if present else "it was removed"
            raise CommandError(f"{verb} {value}: {told} before the operator saw it", code=DID_NOT_HAPPEN)
    raise CommandError(
        f"{verb} {value} is written, and not acknowledged within {timeout:g} s; does the operator run, and lead?",
        code=TIME_IS_UP,
    )


def outcome(cluster: Cluster, name: str, value: str) -> tuple[str, str]:
    """The reason and the words of the Event about a request, else those of Ready."""
    for _ in looks(EVENT_SECONDS, LOOK_SECONDS):
        for event in reversed(cluster.events(name)):
            if value in event.get("message", ""):
                return event["reason"], event["message"]
    ready = condition(parse(cluster.deployment(name)).status)
    return ready.reason, ready.message


def command_for(verb: Verb) -> Callable[..., int]:
    """The command that asks for `verb`."""

    def command(cluster: Cluster, name: Name, wait: Wait = True, timeout: Timeout = 10.0) -> int:
        value = ask(cluster, name, verb, request_id(datetime.now(UTC)))
        print(f"{verb} {value}")
        if not wait:
            return 0
        acknowledged(cluster, name, verb, value, timeout)
        reason, words = outcome(cluster, name, value)
        if reason == REFUSED:
            raise CommandError(f"refused: {words}", code=DID_NOT_HAPPEN)
        print(f"{reason}: {words}")
        return 0

    command.__name__, command.__doc__ = verb, HELP[verb]
    return on_cluster(command)


VERBS = {verb: command_for(verb) for verb in REQUEST_VERBS}
