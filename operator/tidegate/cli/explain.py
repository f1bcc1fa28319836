"""`tidegate explain`: in sentences, from what the status says and nothing else."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tidegate.api.status import RolloutStatus
from tidegate.cli.advice import advice
from tidegate.cli.cluster import Cluster
from tidegate.cli.errors import CommandError
from tidegate.cli.evidence import evidence_of
from tidegate.cli.options import Name, on_cluster
from tidegate.cli.requests import effect, possible
from tidegate.cli.text import clock, columns, paragraph
from tidegate.cli.upcoming import what_follows
from tidegate.cli.view import condition, entry, parse, pods, share, waits_for
from tidegate.judge.text import duration
from tidegate.rollout.resource import Resource

MARGIN = 13


@dataclass(frozen=True)
class Explanation:
    """Sentences, and commands with what they do."""

    serves: str
    candidate: str
    missing: str
    follows: str
    helps: str
    commands: tuple[tuple[str, str], ...]


def explain_resource(resource: Resource, now: datetime) -> Explanation:
    """Explain a ModelDeployment as its status tells it at the moment `now`."""
    status, ready = resource.status, condition(resource.status)
    hold = status.rollout.hold.reason if status.rollout is not None and status.rollout.hold is not None else ""
    told = advice(ready.reason, hold)
    where = f"-n {resource.owner.namespace}"
    commands = [
        (f"tidegate {verb} {resource.owner.name} {where}", effect(resource, verb)) for verb in possible(resource, now)
    ]
    if resource.spec.suspend:
        patch = f'kubectl patch mdep/{resource.owner.name} {where} --type=merge -p \'{{"spec":{{"suspend":false}}}}\''
        commands.append((patch, "let it go on"))
    return Explanation(
        serves=_serves(resource),
        candidate=_candidate(resource, now),
        missing=_stale(resource) or waits_for(resource),
        follows=what_follows(resource, now, told.follows),
        helps=told.helps if ready.status != "True" else "",
        commands=tuple(commands),
    )


def _stale(resource: Resource) -> str:
    status = resource.status
    if status.observed_generation in (None, resource.generation):
        return ""
    return (
        f"the operator has yet to look at the spec as it is now (generation {resource.generation}, "
        f"it has seen {status.observed_generation})"
    )


def _serves(resource: Resource) -> str:
    status, available = resource.status, condition(resource.status, "Available")
    if status.stable is None:
        return "nothing yet"
    found = entry(status, status.stable)
    artifact = f" ({found.artifact})" if found and found.artifact else ""
    told = [f"{status.stable}{artifact}, with {share(status, status.stable)} of the traffic"]
    told[0] += f" and {pods(status, status.stable)}"
    if available.status == "False":
        told.append(f"Users are not served: {available.message}")
    if status.previous is not None:
        until = f" until {clock(status.keep_previous_until)}" if status.keep_previous_until else ""
        told.append(f"{status.previous}, the one before it, is kept warm{until}")
    if status.after_promotion is not None and status.after_promotion.told:
        told.append(f"Since its promotion: {status.after_promotion.told}")
    return ". ".join(told)


def _candidate(resource: Resource, now: datetime) -> str:
    status = resource.status
    if status.rollout is not None:
        return _rollout(resource, status.rollout, now)
    if status.candidate is not None:
        return (
            f"{status.candidate}, the first revision: {pods(status, status.candidate)}; it gets all traffic once ready"
        )
    if status.stable is None:
        return f"none; the spec asks for {resource.desired}"
    if resource.desired == status.stable:
        return "none: the spec asks for what serves"
    rejected = next((found for found in status.rejected if found.revision == resource.desired), None)
    if rejected is not None:
        return f"none; the spec asks for {rejected.revision}, which was taken back and rejected at {clock(rejected.at)}"
    if status.held is not None and status.held.generation == resource.generation:
        return f"none; the spec asks for {resource.desired}, which is not started by itself"
    return f"none yet; the spec asks for {resource.desired}"


def _rollout(resource: Resource, rollout: RolloutStatus, now: datetime) -> str:
    status, revision = resource.status, rollout.revision
    since = f"since {clock(rollout.phase_since)} ({duration((now - rollout.phase_since).total_seconds())})"
    has = f"{share(status, revision)} of the traffic, {pods(status, revision)}"
    if rollout.phase == "Loading":
        return f"{revision} loads its model {since}; {has}"
    if rollout.phase == "Promoting":
        why = f"; {status.stable} is undone" if rollout.undoes is not None else ""
        return f"{revision} is being promoted {since}; {has}{why}"
    if rollout.phase == "Withdrawing":
        why = f": {rollout.withdraw.reason}: {rollout.withdraw.message}" if rollout.withdraw else ""
        return f"{revision} is being taken back {since}; {has}{why}"
    limit = rollout.plan.analysis.max_seconds
    judged = duration(rollout.judged_milliseconds / 1000)
    told = [
        f"{revision} is at step {rollout.step_name} {since}; {has}; judged for {judged} of at most {duration(limit)}"
    ]
    if (found := evidence_of(rollout)) is not None:
        told += [metric.told for metric in found.metrics if metric.lines]
        told.append(
            "Harm counts once the share is shown to be over ignoreBelowPercent"
            if found.immaterial
            else f"Evidence of {found.harm.told}"
        )
    return ". ".join(told)


def lines(resource: Resource, now: datetime) -> str:
    """All of it as text."""
    told = explain_resource(resource, now)
    shown = [("serves", told.serves), ("candidate", told.candidate), ("waits for", told.missing or "nothing")]
    shown += [("next", told.follows), ("helps", told.helps)]
    text = "\n".join(paragraph(label, f"{sentence}.", MARGIN) for label, sentence in shown if sentence)
    if not told.commands:
        return text
    return f"{text}\nyou can now\n" + "\n".join(f"  {line}" for line in columns(told.commands).splitlines())


def unreadable(body: dict[str, Any], error: CommandError) -> str:
    """What can be told of an object of another version: its conditions, which never change form."""
    found = (body.get("status") or {}).get("conditions") or []
    words = [f"{one['type']} {one['status']}: {one['reason']}: {one.get('message', '')}" for one in found]
    return "\n".join([str(error), *words])


@on_cluster
def explain(cluster: Cluster, name: Name) -> int:
    """Explain where a ModelDeployment is: what serves, what is missing, what follows, what you can do."""
    body = cluster.deployment(name)
    try:
        resource = parse(body)
    except CommandError as error:
        raise CommandError(unreadable(body, error).replace("\n", "; ")) from error
    print(lines(resource, datetime.now(UTC)))
    return 0
