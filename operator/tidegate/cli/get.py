"""`tidegate get`: what there is, and where it stands."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import typer
import yaml

from tidegate.api.names import API_GROUP, KIND, PLURAL, VERSION
from tidegate.cli.cluster import Cluster
from tidegate.cli.errors import CommandError
from tidegate.cli.options import on_cluster
from tidegate.cli.text import age, columns, cut
from tidegate.cli.view import condition, created, parse, waits_for

HEADER = ("NAME", "READY", "STABLE", "CANDIDATE", "WEIGHT", "STEP", "WAITS FOR", "AGE")
SHORT = 60
NOTHING = "-"


class Output(StrEnum):
    """How it is shown."""

    json = "json"
    yaml = "yaml"
    name = "name"
    wide = "wide"


def row(body: Mapping[str, Any], now: datetime, *, length: int) -> tuple[str, ...]:
    """One line of the table; what another version stored is told of, and does not hide the others."""
    name, old = body["metadata"]["name"], age(created(body), now)
    try:
        resource = parse(body)
    except CommandError as error:
        return (name, "Unknown", NOTHING, NOTHING, NOTHING, NOTHING, cut(str(error), length), old)
    status, rollout = resource.status, resource.status.rollout
    shown = (
        condition(status).status,
        status.stable,
        status.candidate,
        rollout.weight if rollout else None,
        rollout.step_name if rollout else None,
        cut(waits_for(resource), length),
    )
    return (name, *(cell or NOTHING for cell in shown), old)


def table(bodies: Sequence[Mapping[str, Any]], now: datetime, *, everywhere: bool, wide: bool) -> str:
    """All of them, with their namespaces where `everywhere`."""
    length = 4096 if wide else SHORT
    lines = [HEADER, *(row(body, now, length=length) for body in bodies)]
    if everywhere:
        spaces = ["NAMESPACE", *(body["metadata"]["namespace"] for body in bodies)]
        return columns([(space, *line) for space, line in zip(spaces, lines, strict=True)])
    return columns(lines)


def formatted(bodies: Sequence[Mapping[str, Any]], output: Output, *, alone: bool) -> str:
    """The objects as kubectl prints them; one that was asked for by name comes without a list around it."""
    if output is Output.name:
        return "\n".join(f"{PLURAL}.{API_GROUP}/{body['metadata']['name']}" for body in bodies)
    versioned = [{"apiVersion": f"{API_GROUP}/{VERSION}", "kind": KIND, **body} for body in bodies]
    shown: Any = versioned[0] if alone else {"apiVersion": "v1", "kind": "List", "items": versioned}
    return json.dumps(shown, indent=2) if output is Output.json else yaml.safe_dump(shown, sort_keys=False).rstrip()


@on_cluster
def get(
    cluster: Cluster,
    name: Annotated[str | None, typer.Argument(help="Name of one ModelDeployment; all without it.")] = None,
    everywhere: Annotated[bool, typer.Option("--all-namespaces", "-A", help="Of all namespaces.")] = False,
    output: Annotated[Output | None, typer.Option("--output", "-o", help="Another form than the table.")] = None,
) -> int:
    """List ModelDeployments: what serves, what comes in, and what it waits for."""
    if name is not None and everywhere:
        raise CommandError("found a name and --all-namespaces; name the namespace with -n, or leave the name out")
    bodies = [cluster.deployment(name)] if name is not None else cluster.deployments(everywhere=everywhere)
    if output is not None and output is not Output.wide:
        print(formatted(bodies, output, alone=name is not None))
    elif bodies:
        print(table(bodies, datetime.now(UTC), everywhere=everywhere, wide=output is Output.wide))
    else:
        where = "the cluster" if everywhere else f"namespace {cluster.namespace}"
        typer.echo(f"there is no ModelDeployment in {where}", err=True)
    return 0
