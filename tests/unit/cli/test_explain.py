"""`tidegate explain`: one situation a case, with the sentences expected."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.unit.cli.double import Api, Shell, body_of
from tests.unit.cli.situations import (
    adopted,
    at_a_pause,
    first_revision_cannot_load,
    first_revision_loads,
    inconclusive,
    judged_at_the_last_weight,
    just_promoted,
    loading,
    name_taken,
    no_room,
    not_supported,
    nothing_yet,
    paused_by_a_person,
    promoting,
    rolled_back,
    route_refused,
    stable_gone,
    stepping,
    suspended,
    withdrawing,
    without_metrics,
)
from tests.unit.rollout.world import World, serving, spec_of
from tidegate.api.status import Hold
from tidegate.cli.advice import HOLDS, READY
from tidegate.cli.explain import Explanation, explain_resource
from tidegate.cli.view import parse

CONDITIONS = (Path(__file__).parents[3] / "docs" / "conditions.md").read_text()


@dataclass
class Case:
    """A situation, and what has to be told."""

    world: Callable[[], World]
    serves: str
    candidate: str
    missing: str
    follows: str
    commands: str
    helps: str = ""


ONE, TWO = serving().status.stable, serving().revision(spec_of("2"))
CASES = {
    "nothing yet": Case(nothing_yet, "nothing yet", "none; the spec asks for", "NotLookedAt", "looks at it", "", "run"),
    "first loading": Case(
        first_revision_loads, "nothing yet", "the first revision: 0 of 2 pods", "Loading:", "once the pods have", ""
    ),
    "first cannot load": Case(
        first_revision_cannot_load,
        "nothing yet",
        "the first revision",
        "LoadFailed: .*no config.pbtxt",
        "goes on trying",
        "",
        "change the spec",
    ),
    "serving": Case(
        serving,
        f"{ONE}, with 100 % of the traffic and 2 of 2",
        "none: the spec asks for what serves",
        "^$",
        "Nothing|nothing, until the spec changes",
        "",
    ),
    "loading": Case(
        loading,
        f"{ONE}, with 100 %",
        f"{TWO} loads its model since .*0 % of the traffic, 0 of 1 pods ready",
        "Loading: .*0 of 1 pods ready",
        r"20 min after its start is taken back\. Then 1/3 weight 5%",
        "promote abort pause",
    ),
    "stepping": Case(
        stepping,
        f"{ONE}, with 95 %",
        r"at step 1/3 weight 5% .*errors: candidate (0\.0 % of \d+|no request)",
        "Stepping:",
        r"next interval is counted at .*After this step comes 2/3 weight 25%.*in 120 min|2.0 h",
        "promote abort pause",
    ),
    "judged at the last weight": Case(
        judged_at_the_last_weight,
        f"{ONE}, with 50 %",
        "3/3 judging .*evidence of promotion",
        "Stepping: .*evidence for promotion",
        "promoted once nothing is missing",
        "promote abort pause",
    ),
    "held": Case(
        lambda: without_metrics(60),
        f"{ONE}, with 95 %",
        "at step 1/3",
        "held, MetricsUnavailable: Refused: nobody listens",
        "rises again once this hold ends",
        "promote abort pause",
        "see to Prometheus",
    ),
    "held for long": Case(
        lambda: without_metrics(2000),
        f"{ONE}, with 95 %",
        "at step 1/3",
        "^MetricsUnavailable: .*goes on by itself",
        "rises again once this hold ends",
        "promote abort pause",
        "see to Prometheus",
    ),
    "waits for a person": Case(
        at_a_pause,
        f"{ONE}, with 95 %",
        "at step 2/3 pause",
        "Paused: paused until",
        "nothing until a person decides.*Once resumed, it goes on with 3/3 weight 50%",
        "promote abort pause resume",
    ),
    "waits for a while": Case(
        lambda: at_a_pause(seconds=600),
        f"{ONE}, with 95 %",
        "at step 2/3 pause",
        "Paused: paused until",
        r"ends by itself at 2026-01-01 00:1\d:\d\d UTC, with 3/3 weight 50%",
        "promote abort pause resume",
    ),
    "paused by a person": Case(
        paused_by_a_person,
        f"{ONE}, with 95 %",
        "at step 1/3",
        "Paused: paused by request .*/anna",
        "Nothing until a person decides.*Once resumed, it goes on with 1/3 weight 5%",
        "promote abort resume",
    ),
    "without a verdict in time": Case(
        inconclusive,
        f"{ONE}, with",
        "is at step",
        "Paused: no verdict after 60 s of judged time",
        "Once resumed, it is judged for another 60 s",
        "promote abort pause resume",
    ),
    "suspended": Case(
        suspended,
        f"{ONE}, with 95 %",
        "at step 1/3",
        "Suspended: .* stays at 5 %",
        "while spec.suspend is true",
        "abort pause kubectl",
        "set spec.suspend to false",
    ),
    "promoting": Case(
        promoting,
        f"{ONE}, with 95 %",
        f"{TWO} is being promoted since .*1 of 2 pods ready",
        "Promoting: .*promoted by request",
        f"takes all traffic.*{ONE} is then kept warm for 60 s",
        "abort",
    ),
    "withdrawing": Case(
        withdrawing,
        f"{ONE}, with",
        f"{TWO} is being taken back since .*: Aborted: aborted by request",
        "RollingBack|RolledBack",
        "traffic goes to stable|pods go once no request can be under way",
        "",
    ),
    "rolled back": Case(
        rolled_back,
        f"{ONE}, with 100 %",
        f"none; the spec asks for {TWO}, which was taken back and rejected at",
        "RolledBack: .*Aborted: aborted by request",
        "stable keeps serving",
        "retry",
        "change the spec",
    ),
    "just promoted": Case(
        just_promoted,
        f"{TWO}, with 100 %.*{ONE}, the one before it, is kept warm until 2026-01-01",
        "none: the spec asks for what serves",
        "^$",
        f"{ONE} is removed at 2026-01-01 .*limit and queries are watched",
        "undo",
    ),
    "finds no room": Case(
        lambda: no_room(30),
        f"{ONE}, with 100 %",
        f"{TWO} loads its model",
        "InsufficientCapacity: .*nvidia.com/gpu.*given up at",
        "once a node has room",
        "promote abort pause",
        "make room",
    ),
    "found no room": Case(
        lambda: no_room(300),
        f"{ONE}, with 100 %",
        f"none; the spec asks for {TWO}, which is not started by itself",
        "CapacityTimeout:",
        "nothing was rejected",
        "retry",
        "make room",
    ),
    "name taken": Case(
        name_taken,
        f"{ONE}, with 100 %",
        "none",
        "NameTaken: Service filetype-a",
        "until the name is free",
        "",
        "rename",
    ),
    "adopted": Case(
        adopted,
        f"{ONE}, with 100 %",
        f"none; the spec asks for {TWO}, which is not started by itself",
        "Adopted: the status had been lost",
        "what serves was adopted",
        "retry",
        "change the spec",
    ),
    "stable gone": Case(
        stable_gone,
        "0 of 2 pods ready. Users are not served: no pod of",
        "at step 1/3",
        "StableNotReady:",
        "until a pod of stable is ready",
        "promote abort pause",
        "repair",
    ),
    "route refused": Case(
        route_refused,
        "Users are not served: no such gateway",
        "none",
        "RouteNotAccepted:",
        "once the Gateway accepts",
        "",
        "traffic.parentRefs",
    ),
    "gateway not supported": Case(
        not_supported,
        f"{ONE}, with",
        f"{TWO} is at step",
        "GatewayNotSupported: the Gateway is run by",
        "once requests can be counted",
        "promote abort pause",
        "another Gateway",
    ),
}


def explained(world: World, now: datetime | None = None) -> Explanation:
    return explain_resource(parse(body_of(world)), now or world.now)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_situation_is_explained(case: Case) -> None:
    told = explained(case.world())
    for part in ("serves", "candidate", "missing", "follows", "helps"):
        assert re.search(getattr(case, part), getattr(told, part), re.DOTALL | re.IGNORECASE), (part, told)
    assert [command.split()[1] if "tidegate " in command[:9] else "kubectl" for command, _ in told.commands] == (
        case.commands.split()
    )


def test_commands_name_the_namespace() -> None:
    assert ("tidegate retry filetype -n demo", f"try {TWO} again") in explained(rolled_back()).commands


@pytest.mark.parametrize("reason", HOLDS)
def test_every_hold_is_explained(reason: str) -> None:
    world = stepping()
    rollout = world.status.rollout
    assert rollout is not None
    rollout.hold = Hold(reason=reason, message="these are its numbers", since=world.now)
    told = explained(world)
    assert told.missing == f"held, {reason}: these are its numbers"
    assert HOLDS[reason].follows.lower() in told.follows.lower()
    assert told.helps == HOLDS[reason].helps


def reasons_between(start: str, end: str) -> set[str]:
    """Reasons in the first cells of the tables of a part of docs/conditions.md."""
    part = CONDITIONS.partition(f"\n## {start}\n")[2].partition(f"\n{end}")[0]
    return {
        word
        for line in part.splitlines()
        if line.startswith("| `")
        for word in re.findall("`(.+?)`", line.split("|")[1])
    }


def test_every_reason_that_is_documented_is_explained() -> None:
    ready, holds = reasons_between("Why Ready is False", "## "), reasons_between("Holds", "Nothing is wrong")
    assert {"NameTaken", "Paused", "Unschedulable"} <= ready
    assert {"NoTraffic", "QueryFailing"} <= holds
    assert ready - READY.keys() - HOLDS.keys() == set()
    assert holds - HOLDS.keys() == set()


def test_a_spec_the_operator_has_not_seen_is_told_of() -> None:
    world = serving()
    world.apply(spec_of("2"))
    assert "yet to look at the spec as it is now (generation 2, it has seen 1)" in explained(world).missing


def test_times_are_those_of_the_status() -> None:
    world = just_promoted()
    until = world.status.keep_previous_until
    assert until is not None
    assert f"{until:%H:%M:%S} UTC" in explained(world, world.now + timedelta(seconds=5)).follows


def test_explain_prints_paragraphs(api: Api, shell: Shell) -> None:
    api.put(body_of(stepping()))
    code, out, _ = shell("explain", "filetype")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines() if not line.startswith(" ")] == [
        *("serves", "candidate", "waits", "next", "you")
    ]
    assert f"  tidegate abort filetype -n demo     take {TWO} back and reject it" in out


def test_what_another_version_stored_is_told_with_its_conditions(api: Api, shell: Shell) -> None:
    body = body_of(serving())
    body["status"]["rollout"] = {"phase": "Sleeping"}
    api.put(body)
    told = shell.refusal("explain", "filetype")
    assert "stored by another version of Tidegate: rollout." in told
    assert "Ready True: Serving" in told


@pytest.mark.parametrize("field", ["evidence", "pace"])
def test_evidence_of_another_version_hides_nothing_else(field: str, api: Api, shell: Shell) -> None:
    body = body_of(stepping())
    body["status"]["rollout"][field] = {"judgedUntil": "1", "weight": 5}
    api.put(body)
    code, out, err = shell("explain", "filetype")
    assert (code, err) == (0, "")
    assert "at step 1/3 weight 5%" in out
