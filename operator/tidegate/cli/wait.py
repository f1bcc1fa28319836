"""`tidegate wait`: for pipelines, with the outcome as exit code."""

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer

from tidegate.cli.cluster import Cluster
from tidegate.cli.errors import DID_NOT_HAPPEN, TIME_IS_UP, WAITS_FOR_A_PERSON, CommandError
from tidegate.cli.options import Name, on_cluster
from tidegate.cli.polling import observed
from tidegate.cli.progress import Stage, headline, line, stage_of
from tidegate.cli.view import condition, current, waits_for
from tidegate.judge.text import duration
from tidegate.rollout.resource import Resource

LOOK_SECONDS = 2.0
UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}


def seconds_of(text: str | float) -> float:
    """A time span such as 90s, 30m or 1h30m, in seconds."""
    if isinstance(text, float):
        return text
    parts = re.findall(r"(\d+)([smhd]?)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise typer.BadParameter(f"found {text}; expected a time such as 90s, 30m or 1h30m")
    return float(sum(int(number) * UNITS[unit] for number, unit in parts))


Timeout = Annotated[
    float,
    typer.Option(
        parser=seconds_of, metavar="TIME", help="At most so long: 90s, 30m, 1h30m. (default: 30m)", show_default=False
    ),
]


class For(StrEnum):
    """What is waited for."""

    promoted = "promoted"
    rolled_back = "rolled-back"
    ended = "ended"
    ready = "ready"


ENDS: dict[For, tuple[Stage, ...]] = {
    For.promoted: (Stage.Promoted,),
    For.rolled_back: (Stage.RolledBack,),
    For.ended: (Stage.Promoted, Stage.RolledBack, Stage.GivenUp),
    For.ready: (),
}
OTHER_ENDS = (Stage.RolledBack, Stage.GivenUp, Stage.Stuck)


def outcome(resource: Resource, wanted: For, *, through_pauses: bool) -> int | None:
    """Exit code, or None while it is to be waited on."""
    stage = stage_of(resource)
    ready = current(resource) and condition(resource.status).status == "True"
    if stage in ENDS[wanted] or (wanted is For.ready and ready):
        return 0
    if stage is Stage.WaitsForAPerson and not through_pauses:
        return WAITS_FOR_A_PERSON
    if stage in OTHER_ENDS or (wanted is For.rolled_back and stage is Stage.Promoted):
        return DID_NOT_HAPPEN
    return None


@on_cluster
def wait(
    cluster: Cluster,
    name: Name,
    wanted: Annotated[For, typer.Option("--for", help="What to wait for.")] = For.promoted,
    timeout: Timeout = 1800.0,
    through_pauses: Annotated[
        bool, typer.Option("--through-pauses", help="Go on waiting while a person has to decide.")
    ] = False,
) -> int:
    """Wait for the end of a rollout.

    Exit code 0: as asked; 1: it ended otherwise; 2: mistake of the call; 3: time is up; 4: it waits for a person.
    """
    told = ""
    for resource in observed(cluster, name, timeout, LOOK_SECONDS):
        now = datetime.now(UTC)
        if (shown := headline(resource)) != told:
            print(line(resource, now), flush=True)
            told = shown
        code = outcome(resource, wanted, through_pauses=through_pauses)
        if code == 0:
            return 0
        if code is not None:
            found = stage_of(resource)
            words = f"{name} is {found.value}" if found is not Stage.WaitsForAPerson else f"{name} {found.value}"
            raise CommandError(f"{words}: {waits_for(resource) or headline(resource)}", code=code)
    raise CommandError(f"{name} is not {wanted.value} after {duration(timeout)}: {told}", code=TIME_IS_UP)
