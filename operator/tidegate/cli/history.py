"""`tidegate history`: what was decided, with its numbers, and what is kept."""

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from tidegate.api.status import Decision, ModelDeploymentStatus, Rejection
from tidegate.cli.cluster import Cluster
from tidegate.cli.errors import CommandError
from tidegate.cli.options import Name, on_cluster
from tidegate.cli.text import columns
from tidegate.cli.view import entry, parse, part

NOTHING = "-"


def moment(at: datetime) -> str:
    """Date and time in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def decisions(status: ModelDeploymentStatus) -> str:
    """Verdicts, newest last, each with its numbers on a line of its own."""
    if not status.decisions:
        return "none"
    heads = columns([_head(decision) for decision in status.decisions]).splitlines()
    told = (f"{head}\n    {decision.message}" for head, decision in zip(heads, status.decisions, strict=True))
    return "\n".join(told)


def _head(decision: Decision) -> tuple[str, ...]:
    times = f"{decision.count} times" if decision.count > 1 else ""
    return (moment(decision.at), decision.verdict, decision.reason, decision.revision, part(decision.weight), times)


def rejections(found: Sequence[Rejection]) -> str:
    """Revisions that are not tried again by themselves, newest last."""
    rows = [(moment(one.at), one.revision, f"{one.reason}: {one.message}") for one in found]
    return columns(rows) if rows else "none"


def revisions(status: ModelDeploymentStatus, kept: Sequence[Mapping[str, Any]]) -> str:
    """ControllerRevisions, newest last, with what they are now."""
    rejected = {one.revision for one in status.rejected}
    rows = [("REVISION", "NUMBER", "CREATED", "ROLE", "PODS", "ARTIFACT")]
    for one in kept:
        name = one["metadata"]["name"]
        found = entry(status, name)
        role = found.role if found else ("Rejected" if name in rejected else NOTHING)
        pods = f"{found.ready_replicas}/{found.replicas}" if found else NOTHING
        made = moment(datetime.fromisoformat(one["metadata"]["creationTimestamp"]))
        rows.append((name, str(one.get("revision", "")), made, role, pods, one["data"].get("artifact", "")))
    return columns(rows) if len(rows) > 1 else "none"


@on_cluster
def history(cluster: Cluster, name: Name) -> int:
    """Show decisions with their numbers, rejected revisions, and the revisions kept; newest last."""
    status = parse(cluster.deployment(name)).status
    print(f"decisions\n{_indented(decisions(status))}")
    print(f"rejected\n{_indented(rejections(status.rejected))}")
    try:
        print(f"revisions\n{_indented(revisions(status, cluster.revisions(name)))}")
    except CommandError as error:
        print(f"tidegate: revisions are left out: {error}", file=sys.stderr)
    return 0


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
