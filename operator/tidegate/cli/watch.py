"""`tidegate watch`: a rollout as it goes."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live

from tidegate.cli.cluster import Cluster
from tidegate.cli.options import Name, on_cluster
from tidegate.cli.picture import picture
from tidegate.cli.polling import observed
from tidegate.cli.progress import Stage, line, stage_of
from tidegate.cli.view import parse

LOOK_SECONDS = 1.0
ENDED = (Stage.Promoted, Stage.RolledBack, Stage.GivenUp, Stage.Stuck)
STAMP = len("00:00:00 UTC")


@on_cluster
def watch(
    cluster: Cluster,
    name: Name,
    until_end: Annotated[bool, typer.Option("--until-end", help="End by itself when the rollout has ended.")] = False,
) -> int:
    """Watch a rollout: steps, weights, counts, evidence, pods, decisions and Events; a line per change in a pipe."""
    console = Console()
    parse(cluster.deployment(name))
    try:
        if console.is_terminal:
            _live(console, cluster, name, until_end)
        else:
            _plain(cluster, name, until_end)
    except KeyboardInterrupt:
        return 0
    return 0


def _live(console: Console, cluster: Cluster, name: str, until_end: bool) -> None:
    with Live(console=console, auto_refresh=False) as live:
        for resource in observed(cluster, name, None, LOOK_SECONDS):
            live.update(picture(resource, cluster.events(name), datetime.now(UTC)), refresh=True)
            if until_end and stage_of(resource) in ENDED:
                return


def _plain(cluster: Cluster, name: str, until_end: bool) -> None:
    told = ""
    for resource in observed(cluster, name, None, LOOK_SECONDS):
        shown = line(resource, datetime.now(UTC))
        if shown[STAMP:] != told:
            print(shown, flush=True)
            told = shown[STAMP:]
        if until_end and stage_of(resource) in ENDED:
            return
