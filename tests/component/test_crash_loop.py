"""The operator killed before and after every single write, in memory; tests/chaos does the same on real parts."""

from collections.abc import Awaitable, Callable
from itertools import product

import pytest

from tests.component.crashing import CrashingBench, Ending, Kills, always, never, once
from tests.component.reconciling import FILES, PLENTY, Object

QUICK: Object = {
    "steps": [{"weight": {"percent": 5, "seconds": 5}}, {"weight": {"percent": 25, "seconds": 5}}],
    "keepPreviousSeconds": 0,
    "analysis": {"intervalSeconds": 5, "bakeSeconds": 0, "maxSeconds": 600, "statistics": PLENTY},
}
NEXT: Object = {"limits": {"nvidia.com/gpu": 2}}
Story = Callable[[Kills], Awaitable[Ending]]


async def first_revision(kills: Kills) -> Ending:
    """From a new ModelDeployment to one that serves."""
    bench = CrashingBench()
    bench.kill_at(kills)
    await bench.serving()
    return bench.ending()


async def rollout(kills: Kills) -> Ending:
    """From a change of the spec to its promotion, and to the end of the revision before it."""
    return await _change(kills, bad=0.0)


async def rollback(kills: Kills) -> Ending:
    """From a change of the spec to the end of a candidate that fails half of its requests."""
    return await _change(kills, bad=0.5)


async def _change(kills: Kills, *, bad: float) -> Ending:
    bench = CrashingBench()
    await bench.serving()
    bench.kill_at(kills)
    bench.edit(FILES, resources=NEXT, rollout=QUICK)
    bench.cluster.bad[bench.desired] = bad
    assert await bench.run(120, lambda: "rollout" in bench.status)
    assert await bench.run(120, lambda: not bench.status.keys() & {"rollout", "candidate", "previous"})
    await bench.settle()
    assert (bench.status["stable"] == bench.desired) == (bad == 0.0)
    assert bench.condition("Stalled")[1] == ("RolledBack" if bad else "No")
    return bench.ending()


STORIES: tuple[Story, ...] = (first_revision, rollout, rollback)


def check(ending: Ending, reference: Ending) -> None:
    assert ending.violations == []
    assert ending.objects == reference.objects
    assert ending.events <= reference.events, "an Event may be lost with the process, but is never told twice"


async def crash_everywhere(story: Story, stride: int = 1) -> int:
    """Kill before and after each write, in runs of their own; every `stride`-th of those runs. Returns their number."""
    reference = await story(never)
    assert reference.violations == []
    points = list(product(range(len(reference.writes)), ("before", "after")))[::stride]
    for index, moment in points:
        ending = await story(once(index, moment))
        assert ending.deaths == 1
        check(ending, reference)
    return len(points)


@pytest.mark.parametrize("story", STORIES)
async def test_s34_killed_at_every_write_it_ends_the_same(story: Story) -> None:
    reference, ending = await story(never), await story(always)
    assert ending.deaths >= len(reference.writes) / 2
    check(ending, reference)


@pytest.mark.parametrize("story", STORIES)
async def test_s34_killed_once_it_ends_the_same(story: Story) -> None:
    # Odd, so that moments before and after a write take turns.
    assert await crash_everywhere(story, stride=7) >= 3


@pytest.mark.soak
@pytest.mark.parametrize("story", STORIES)
async def test_s34_killed_once_before_or_after_any_write_it_ends_the_same(story: Story) -> None:
    assert await crash_everywhere(story) >= 20
