"""The real operator killed -9 before and after its writes, on a real API server, beside an independent observer."""

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.chaos.api import until
from tests.chaos.proxy import Call, Fault, Faults, Moment, no_fault
from tests.chaos.stage import Lane, Stage
from tests.chaos.trial import END_SECONDS, Story, Trial, first_revision, rollback, rollout

pytestmark = pytest.mark.soak

REPORT = Path(__file__).parents[2] / "build" / "crash-loop.json"
LANES = 8
"""Operators at once: two cores start about one a second."""
MANY_LIVES_SECONDS = 1500.0
DEATH_SECONDS = 30.0
STORIES = (first_revision, rollout, rollback)


def always(call: Call) -> Fault | None:
    """Kill at every write: every other one is not made (and the attempt after it gets through), the rest are."""
    if call.index is None or call.index % 3 == 1:
        return None
    return Fault("kill", "before" if call.index % 3 == 0 else "after")


def once(index: int, moment: Moment) -> Faults:
    """Kill at that one moment of that one write."""
    return lambda call: Fault("kill", moment) if call.index == index else None


async def play(lane: Lane, story: Story, faults: Faults = no_fault, within: float = END_SECONDS) -> Trial:
    """One story from its beginning to its end, in a ModelDeployment of its own."""
    trial = Trial(lane)
    await story.begin(trial, faults)
    await story.end(trial, within)
    return trial


async def without_faults(lanes: list[Lane], stories: list[Story]) -> dict[str, int]:
    """Play each story undisturbed, side by side, so that its end is known; returns their numbers of writes."""
    await asyncio.gather(*(play(lane, story) for lane, story in zip(lanes, stories, strict=False)))
    return {story.name: len(lane.proxy.writes) for lane, story in zip(lanes, stories, strict=False)}


@pytest.mark.timeout(1800)
async def test_s34_killed_at_every_write_it_ends_the_same(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    stories = [make() for make in STORIES]
    lanes = await asyncio.gather(*(stage.lane() for _ in stories))
    writes = await without_faults(lanes, stories)
    pairs = zip(lanes, stories, strict=True)
    await asyncio.gather(*(play(lane, story, always, within=MANY_LIVES_SECONDS) for lane, story in pairs))
    for lane, story in zip(lanes, stories, strict=True):
        with capsys.disabled():
            print(f"{story.name}: {writes[story.name]} writes undisturbed, {lane.kills} kills")
        assert lane.kills >= writes[story.name] / 2
        assert set(lane.operator.exits) == {-9}
    assert stage.gaps == []


# ---- every index -----------------------------------------------------------------------------------------------------


@dataclass
class Matrix:
    """Every write of every story, before and after, each in a rollout of its own.

    Attributes
    ----------
    killed
        Story, moment and write to the number of kills there.
    failed
        What went wrong.
    """

    stories: list[Story]
    killed: Counter[tuple[str, Moment, str]] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    _next: dict[tuple[int, Moment], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        moments: tuple[Moment, ...] = ("before", "after")
        self._next = {(number, moment): 0 for number in range(len(self.stories)) for moment in moments}

    async def work(self, lane: Lane) -> None:
        """Play until every story has come to its end before the write that was to be struck."""
        while self._next:
            row = min(self._next, key=lambda row: self._next[row])
            index = self._next[row]
            self._next[row] += 1
            await self._play(lane, row, index)

    async def _play(self, lane: Lane, row: tuple[int, Moment], index: int) -> None:
        story, moment = self.stories[row[0]], row[1]
        before = lane.kills
        try:
            trial = await play(lane, story, once(index, moment))
            await trial.delete()
        except AssertionError as error:
            self.failed.append(f"{story.name}, killed {moment} write {index}: {error}")
        if not lane.proxy.struck:
            self._next.pop(row, None)
            return
        # Killed after its last write, it may die later than the end is seen.
        await until(lambda: lane.kills > before, lambda: f"the operator is killed; {lane.proxy.struck}", DEATH_SECONDS)
        assert lane.kills == before + 1
        self.killed[story.name, moment, str(lane.proxy.struck[0][0])] += 1

    def report(self) -> dict[str, dict[str, int]]:
        """Story and moment to the kinds of writes killed there."""
        rows = {f"{story}, {moment}" for story, moment, _ in self.killed}
        return {
            row: {write: count for (story, moment, write), count in self.killed.items() if f"{story}, {moment}" == row}
            for row in sorted(rows)
        }


@pytest.mark.timeout(3600)
async def test_s34_killed_once_before_or_after_any_write_it_ends_the_same(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    matrix = Matrix([make() for make in STORIES])
    lanes = await asyncio.gather(*(stage.lane() for _ in range(LANES)))
    writes = await without_faults(lanes, matrix.stories)
    await asyncio.gather(*(matrix.work(lane) for lane in lanes))
    report = {"writes": writes, "kills": matrix.report()}
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(report, indent=1))
    with capsys.disabled():
        print(f"{matrix.killed.total()} kills, each in a rollout of its own; {REPORT} has them by write")
    assert matrix.failed == []
    assert stage.gaps == []
    # How often a status is written depends a little on when samples come: no two runs have the same number of writes.
    assert matrix.killed.total() >= 0.85 * 2 * sum(writes.values())
