"""`tidegate watch`: the picture, and a line per change in a pipe."""

import io
import math
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from rich.console import Console

from tests.unit.cli.double import Api, Shell, body_of
from tests.unit.cli.situations import (
    adopted,
    first_revision_loads,
    judged_at_the_last_weight,
    just_promoted,
    loading,
    nothing_yet,
    promoting,
    rolled_back,
    stepping,
    withdrawing,
    without_metrics,
)
from tests.unit.rollout.world import World, serving
from tidegate.cli import polling, watch
from tidegate.cli.evidence import Line, evidence_of
from tidegate.cli.picture import BAR, bar, part_of_line, picture, steps
from tidegate.cli.view import parse

EVENT = {"reason": "RolloutStarted", "message": "two is brought in", "lastTimestamp": "2026-01-01T00:00:00Z"}


def drawn(world: World, events: list[dict[str, Any]] | None = None) -> str:
    """The picture as text."""
    console = Console(file=io.StringIO(), width=140)
    console.print(picture(parse(body_of(world)), events or [], world.now + timedelta(seconds=30)))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_picture_has_all_a_person_looks_at() -> None:
    world = judged_at_the_last_weight()
    world.traffic.bad[world.revision()] = 0.02
    text = drawn(world, [EVENT])
    for expected in (
        "✓ weight 5%   ✓ weight 25%   ✓ weight 50%   ▶ judging   · promotion",
        "Candidate   50 %",
        "2 of 2",
        "errors",
        "harm, all together",
        "promotion by errors",
        "limit by errors",
        "of 100",
        "of 20",
        "waits for  Stepping:",
        "RolloutStarted: two is brought in",
    ):
        assert expected in text, text


@pytest.mark.parametrize(
    ("situation", "marked"),
    [
        (loading, "▶ loading   · weight 5%"),
        (stepping, "✓ loading   ▶ weight 5%   · weight 25%"),
        (promoting, "✓ judging   ▶ promotion"),
        (withdrawing, "taken back"),
    ],
)
def test_the_present_step_is_marked(situation: Callable[[], World], marked: str) -> None:
    rollout = situation().status.rollout
    assert rollout is not None
    assert marked in steps(rollout).plain


@pytest.mark.parametrize("situation", [nothing_yet, first_revision_loads, serving, just_promoted, rolled_back, adopted])
def test_there_is_a_picture_without_a_rollout(situation: Callable[[], World]) -> None:
    assert "demo/filetype" in drawn(situation())


def test_holds_stand_among_the_decisions() -> None:
    assert "Hold MetricsUnavailable" in drawn(without_metrics(60))


@pytest.mark.parametrize(
    ("log_e", "filled"), [(-math.inf, 0), (-3.0, 0), (math.log(10.0), BAR // 2), (math.log(100.0), BAR), (99.0, BAR)]
)
def test_a_bar_is_full_at_the_line(log_e: float, filled: int) -> None:
    assert bar(part_of_line(Line("harm", log_e, 100.0))).count("█") == filled


def test_harm_of_no_weight_is_told_apart() -> None:
    world = judged_at_the_last_weight()
    found = evidence_of(world.status.rollout)
    assert found is not None
    assert found.immaterial
    assert found.harm.told == "harm under 0.01 of 100"


def test_errors_come_first_however_the_status_is_sorted() -> None:
    world = judged_at_the_last_weight()
    rollout = world.status.rollout
    assert rollout is not None
    rollout.evidence["metrics"] = dict(sorted(rollout.evidence["metrics"].items()))
    found = evidence_of(rollout)
    assert found is not None
    assert [metric.name for metric in found.metrics] == ["errors", "4xx answers"]


@pytest.fixture
def run_along(api: Api, monkeypatch: pytest.MonkeyPatch) -> Callable[[World], None]:
    """Let a world's time pass while the command sleeps; in the end somebody presses Ctrl-C."""

    def running(world: World) -> None:
        api.put(body_of(world))
        end = world.now + timedelta(seconds=600)

        def sleep(seconds: float) -> None:
            if world.now > end:
                raise KeyboardInterrupt
            world.pass_time(5)
            api.put(body_of(world))

        monkeypatch.setattr(polling, "sleep", sleep)

    return running


RunAlong = Callable[[World], None]


def test_a_line_is_printed_per_change_until_the_end(run_along: RunAlong, shell: Shell) -> None:
    world = loading()
    world.ready_limit.clear()
    run_along(world)
    code, out, err = shell("watch", "filetype", "--until-end")
    assert (code, err) == (0, "")
    lines = [line.partition("  ")[2] for line in out.splitlines()]
    assert all(first != second for first, second in pairwise(lines))
    assert "Loading" in lines[0]
    assert lines[-1].endswith("Serving")


def test_an_interruption_ends_it_quietly(run_along: RunAlong, shell: Shell) -> None:
    run_along(serving())
    code, out, err = shell("watch", "filetype")
    assert (code, out.count("\n"), err) == (0, 1, "")


def test_a_terminal_gets_a_picture(run_along: RunAlong, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    run_along(stepping())
    monkeypatch.setattr(watch, "Console", lambda: Console(force_terminal=True, width=120))
    code, out, _ = shell("watch", "filetype", "--until-end")
    assert code == 0
    assert "harm, all together" in out
    assert "Serving" in out


def test_a_wrong_name_is_told_of_at_once(shell: Shell) -> None:
    assert "there is no" in shell.refusal("watch", "filetype")
