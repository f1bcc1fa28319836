"""What a person may ask for now, in the operator's own words: its rules are run on what the status says."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from tidegate.api.names import LETTERS, REQUEST_VERBS, Verb, annotation
from tidegate.cli.view import entry, share
from tidegate.rollout.draft import Draft
from tidegate.rollout.observation import Observation
from tidegate.rollout.requests import obey_requests
from tidegate.rollout.resource import Resource

REFUSED = "RequestRefused"


def target(resource: Resource, verb: Verb) -> str:
    """The revision a request has to name; empty where there is none."""
    status = resource.status
    if verb == "retry":
        return resource.desired
    if verb == "undo":
        return status.stable or ""
    return status.rollout.revision if status.rollout is not None else ""


def refusal(resource: Resource, verb: Verb, now: datetime) -> str:
    """Why the operator would not obey; empty where it would."""
    status = resource.status
    if status.observed_generation is None:
        return "the operator has not looked at it yet, and obeys no request that was there before"
    if verb == "undo" and status.stable is None:
        return "nothing serves yet, so there is nothing to undo"
    value = f"{target(resource, verb)}/probe"
    draft = Draft(replace(resource, annotations={annotation(verb): value}), _observed(resource), now)
    obey_requests(draft)
    told = next((event.message for event in draft.events if event.reason == REFUSED), "")
    return told.removeprefix(f"{verb} {value!r}: ")


def possible(resource: Resource, now: datetime) -> list[Verb]:
    """What the operator would obey now."""
    return [verb for verb in REQUEST_VERBS if not refusal(resource, verb, now)]


def effect(resource: Resource, verb: Verb) -> str:
    """What a request does, for people."""
    status, named = resource.status, target(resource, verb)
    effects: Mapping[Verb, str] = {
        "promote": f"give {named} all traffic whatever the judge says; only its own failures then take it back",
        "abort": f"take {named} back and reject it",
        "retry": f"try {named} again",
        "pause": f"keep {named} at {share(status, named)} until it is resumed; harm still takes it back",
        "resume": f"let {named} go on",
        "undo": f"bring {status.previous} back at once and reject {named}",
    }
    return effects[verb]


def _observed(resource: Resource) -> Observation:
    """What the rules about requests look at, as the status tells it."""
    slots: dict[str, str | None] = {letter: resource.status.slots.of(letter).revision for letter in LETTERS}
    found = {letter: entry(resource.status, slots[letter]) for letter in LETTERS}
    return Observation(
        endpoints={letter: about.ready_replicas if about else 0 for letter, about in found.items()}, selected=slots
    )
