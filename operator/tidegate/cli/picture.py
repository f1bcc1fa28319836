"""The live picture of one ModelDeployment for a terminal."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tidegate.api.status import RolloutStatus
from tidegate.cli.cluster import event_time
from tidegate.cli.evidence import EvidenceView, Line, evidence_of
from tidegate.cli.text import age, cut
from tidegate.cli.view import condition, share, waits_for, weight
from tidegate.judge.text import bad_share
from tidegate.rollout.capacity import WHOLE
from tidegate.rollout.resource import Resource
from tidegate.rollout.steps import step_name

BAR = 24
SHOWN = 5
COLOURS = {"harm": "red", "limit": "yellow", "promotion": "green"}


def bar(part: float) -> str:
    """A bar filled by `part` of it, 0 to 1."""
    filled = round(BAR * min(1.0, max(0.0, part)))
    return "█" * filled + "░" * (BAR - filled)


def part_of_line(line: Line) -> float:
    """How far evidence is on its way to the line: of its logarithm, for evidence multiplies."""
    return line.log_e / math.log(line.line) if line.log_e > 0.0 else 0.0


def steps(rollout: RolloutStatus) -> Text:
    """All steps, those done ticked off, the present one marked."""
    count, text = len(rollout.plan.steps), Text()
    names = [step_name(rollout.plan, index).partition(" ")[2] for index in range(count)] + ["judging", "promotion"]
    at = {"Loading": -1, "Promoting": count + 1, "Withdrawing": count + 2}.get(rollout.phase, rollout.step)
    if rollout.phase == "Withdrawing":
        return Text("taken back", style="red")
    for index, name in enumerate(["loading", *names], start=-1):
        mark, style = ("✓", "green") if index < at else ("▶", "bold cyan") if index == at else ("·", "dim")
        text.append(f"{mark} {name}   ", style=style)
    return text


def picture(resource: Resource, events: Sequence[Mapping[str, Any]], now: datetime) -> RenderableType:
    """Everything a person looks at while a rollout goes on."""
    status, ready, owner = resource.status, condition(resource.status), resource.owner
    style = "green" if ready.status == "True" else "red" if condition(status, "Stalled").status == "True" else "yellow"
    title = Text.assemble((f"{owner.namespace}/{owner.name}  ", "bold"), (ready.reason, style))
    parts: list[RenderableType] = [title]
    if status.rollout is not None:
        parts += [steps(status.rollout)]
    parts += [Text(), _revisions(resource)]
    if (found := evidence_of(status.rollout)) is not None:
        parts += [Text(), _metrics(found), Text(), _evidence(found)]
    if missing := waits_for(resource):
        parts += [Text(), Text.assemble(("waits for  ", "bold"), missing)]
    parts += [*_told("decisions", _decisions(resource, now)), *_told("events", _events(events, now))]
    return Group(*parts)


def _table(*headers: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    for header in headers:
        table.add_column(header, no_wrap=True)
    return table


def _revisions(resource: Resource) -> Table:
    table = _table("REVISION", "ROLE", "WEIGHT", "", "PODS READY")
    for found in resource.status.revisions:
        part = weight(resource.status, found.name) / WHOLE
        ready = f"{found.ready_replicas} of {found.replicas}"
        table.add_row(found.name, found.role, share(resource.status, found.name), bar(part), ready)
    return table


def _metrics(found: EvidenceView) -> Table:
    table = _table("BAD REQUESTS", "CANDIDATE", "STABLE")
    for metric in found.metrics:
        table.add_row(metric.name, bad_share(metric.requests.candidate), bad_share(metric.requests.stable))
    return table


def _evidence(found: EvidenceView) -> Table:
    table = _table("EVIDENCE", "", "")
    lines = [("", found.harm), *((metric.name, line) for metric in found.metrics for line in metric.lines)]
    for metric, line in lines:
        label = f"{line.name} by {metric}" if metric else f"{line.name}, all together"
        table.add_row(label, Text(bar(part_of_line(line)), style=COLOURS[line.name]), line.told.partition(" ")[2])
    return table


def _told(title: str, rows: Sequence[str]) -> list[RenderableType]:
    if not rows:
        return []
    return [Text(), Text(title, style="bold"), *(Text(f"  {row}", overflow="ellipsis", no_wrap=True) for row in rows)]


def _decisions(resource: Resource, now: datetime) -> list[str]:
    return [
        f"{age(one.at, now):>5}  {one.verdict} {one.reason} {one.revision}: {one.message}"
        for one in resource.status.decisions[-SHOWN:]
    ]


def _events(events: Sequence[Mapping[str, Any]], now: datetime) -> list[str]:
    ages = [age(datetime.fromisoformat(event_time(event)), now) for event in events[-SHOWN:]]
    return [
        f"{old:>5}  {event['reason']}: {cut(event['message'], 300)}"
        for old, event in zip(ages, events[-SHOWN:], strict=True)
    ]
