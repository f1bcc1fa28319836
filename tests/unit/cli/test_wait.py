"""`tidegate wait` ends with the exit code that says how it went."""

from collections.abc import Callable

import pytest

from tests.unit.cli.double import Api, Shell, body_of
from tests.unit.cli.situations import (
    adopted,
    at_a_pause,
    first_revision_cannot_load,
    first_revision_loads,
    just_promoted,
    loading,
    name_taken,
    no_room,
    not_supported,
    nothing_yet,
    paused_by_a_person,
    promoting,
    rolled_back,
    stable_gone,
    stepping,
    suspended,
    without_metrics,
)
from tests.unit.rollout.world import World, serving, spec_of
from tidegate.cli import polling
from tidegate.cli.progress import Stage, stage_of
from tidegate.cli.view import parse
from tidegate.cli.wait import For, outcome, seconds_of
from tidegate.clients.errors import ApiUnavailable
from tidegate.clients.transport import Request

GOES_ON = None


def suspended_in_a_pause() -> World:
    world = at_a_pause(seconds=600)
    world.apply(world.spec.model_copy(update={"suspend": True}))
    world.settle()
    return world


SITUATIONS: dict[str, tuple[Callable[[], World], Stage]] = {
    "nothing yet": (nothing_yet, Stage.UnderWay),
    "first loading": (first_revision_loads, Stage.UnderWay),
    "first cannot load": (first_revision_cannot_load, Stage.Stuck),
    "serving": (serving, Stage.Promoted),
    "loading": (loading, Stage.UnderWay),
    "stepping": (stepping, Stage.UnderWay),
    "held": (lambda: without_metrics(60), Stage.UnderWay),
    "held for long": (lambda: without_metrics(2000), Stage.WaitsForAPerson),
    "pause": (at_a_pause, Stage.WaitsForAPerson),
    "pause with seconds": (lambda: at_a_pause(seconds=600), Stage.UnderWay),
    "paused": (paused_by_a_person, Stage.WaitsForAPerson),
    "suspended": (suspended, Stage.WaitsForAPerson),
    "suspended in a pause": (suspended_in_a_pause, Stage.WaitsForAPerson),
    "promoting": (promoting, Stage.UnderWay),
    "rolled back": (rolled_back, Stage.RolledBack),
    "promoted": (just_promoted, Stage.Promoted),
    "finds no room": (lambda: no_room(30), Stage.UnderWay),
    "found no room": (lambda: no_room(300), Stage.GivenUp),
    "name taken": (name_taken, Stage.Promoted),
    "adopted": (adopted, Stage.GivenUp),
    "stable gone": (stable_gone, Stage.WaitsForAPerson),
    "not supported": (not_supported, Stage.WaitsForAPerson),
}


@pytest.mark.parametrize(("situation", "stage"), SITUATIONS.values(), ids=SITUATIONS)
def test_a_situation_is_at_a_stage(situation: Callable[[], World], stage: Stage) -> None:
    assert stage_of(parse(body_of(situation()))) is stage


@pytest.mark.parametrize(
    ("situation", "promoted", "rolled_back_", "ended", "ready"),
    [
        (stepping, GOES_ON, GOES_ON, GOES_ON, GOES_ON),
        (just_promoted, 0, 1, 0, 0),
        (rolled_back, 1, 0, 0, 1),
        (adopted, 1, 1, 0, 1),
        (first_revision_cannot_load, 1, 1, 1, 1),
        (name_taken, 0, 1, 0, GOES_ON),
        (at_a_pause, 4, 4, 4, 4),
    ],
)
def test_the_exit_code_says_how_it_went(
    situation: Callable[[], World],
    promoted: int | None,
    rolled_back_: int | None,
    ended: int | None,
    ready: int | None,
) -> None:
    resource = parse(body_of(situation()))
    found = [outcome(resource, wanted, through_pauses=False) for wanted in For]
    assert found == [promoted, rolled_back_, ended, ready]


def test_pauses_are_waited_through_where_asked_for() -> None:
    assert outcome(parse(body_of(at_a_pause())), For.promoted, through_pauses=True) is None


def test_a_change_that_the_operator_has_not_seen_is_not_over() -> None:
    world = just_promoted()
    world.apply(spec_of("3"))
    assert stage_of(parse(body_of(world))) is Stage.UnderWay


def test_a_retry_that_the_operator_has_not_seen_is_not_over() -> None:
    world = rolled_back()
    world.annotate("retry", f"{world.revision()}/1")
    assert outcome(parse(body_of(world)), For.promoted, through_pauses=False) is None


@pytest.fixture
def run_along(api: Api, monkeypatch: pytest.MonkeyPatch) -> Callable[[World], None]:
    """Let a world's time pass while the command sleeps."""

    def running(world: World) -> None:
        passed = [0.0]
        api.put(body_of(world))

        def sleep(seconds: float) -> None:
            passed[0] += seconds
            world.pass_time(seconds)
            api.put(body_of(world))

        monkeypatch.setattr(polling, "sleep", sleep)
        monkeypatch.setattr(polling, "monotonic", lambda: passed[0])

    return running


RunAlong = Callable[[World], None]


def test_a_promotion_is_awaited_with_a_line_per_change(run_along: RunAlong, shell: Shell) -> None:
    world = loading()
    world.ready_limit.clear()
    run_along(world)
    code, out, err = shell("wait", "filetype", "--timeout", "1h")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert "Loading" in lines[0]
    assert "1/3 weight 5% at 5 %" in out
    assert "Promoting" in out
    assert lines[-1].endswith("Serving")
    assert len(lines) == len(set(lines)) < 30


def test_a_rollback_is_an_error_where_a_promotion_was_expected(run_along: RunAlong, shell: Shell) -> None:
    world = loading()
    world.ready_limit.clear()
    world.traffic.bad[world.revision()] = 0.9
    run_along(world)
    code, _, err = shell("wait", "filetype")
    assert code == 1
    assert "filetype is rolled back: RolledBack: " in err
    assert "Harm" in err


def test_time_is_up(run_along: RunAlong, shell: Shell) -> None:
    run_along(loading())
    code, _, err = shell("wait", "filetype", "--timeout", "30s")
    assert code == 3
    assert "filetype is not promoted after 30 s: " in err


def test_a_cluster_that_is_away_for_a_while_is_waited_for(run_along: RunAlong, api: Api, shell: Shell) -> None:
    world = loading()
    world.ready_limit.clear()
    run_along(world)

    def away(request: Request) -> None:
        if 2 < len(api.sent) < 6:
            raise ApiUnavailable("Connection refused")

    api.before = away
    code, _, err = shell("wait", "filetype")
    assert code == 0
    assert err.count("\n") == 1


def test_a_cluster_that_is_away_from_the_beginning_is_told_of(run_along: RunAlong, api: Api, shell: Shell) -> None:
    run_along(loading())

    def away(request: Request) -> None:
        raise ApiUnavailable("Connection refused")

    api.before = away
    assert "cannot be reached: Connection refused" in shell.refusal("wait", "filetype")
    assert len(api.sent) == 1


def test_an_object_that_is_deleted_meanwhile_is_told_of(run_along: RunAlong, api: Api, shell: Shell) -> None:
    run_along(loading())

    def deleted(request: Request) -> None:
        if len(api.sent) > 2:
            api.objects.clear()

    api.before = deleted
    code, _, err = shell("wait", "filetype")
    assert code == 1
    assert err.startswith("tidegate: filetype is gone: there is no")


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("30m", 1800), ("1h30m", 5400), ("2d", 172_800)]
)
def test_times_are_read(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["soon", "", "-5", "1.5h", "5 m"])
def test_other_times_are_mistakes(text: str, shell: Shell) -> None:
    assert "expected a time such as 90s, 30m or 1h30m" in shell.refusal("wait", "filetype", f"--timeout={text}")
