"""One replica's life, in fake time: who stops when, and what happens to the leadership."""

import asyncio
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from tidegate.clients.errors import LeadershipLost
from tidegate.controller.leader import Sole
from tidegate.controller.metrics import Metrics
from tidegate.controller.queue import WorkQueue
from tidegate.controller.replica import FINISH_SECONDS, Replica
from tidegate.controller.resync import Resync
from tidegate.controller.watch import Watcher

KEY = ("demo", "filetype")
BEGAN = ["watch began", "leads", "resync began"]
ENDED = ["watch ended", "resync ended"]


@dataclass
class LeaderDouble:
    """Leads when the test says so, until it says otherwise."""

    diary: list[str]
    turn: asyncio.Event = field(default_factory=asyncio.Event)
    lost: asyncio.Event = field(default_factory=asyncio.Event)
    leading: bool = False
    mute: bool = False

    def check(self) -> None:
        if not self.leading:
            raise LeadershipLost("not leading")

    def trouble(self) -> str | None:
        return None if self.mute else "cannot read the Lease"

    async def acquire(self) -> None:
        await self.turn.wait()
        self.leading = True
        self.diary.append("leads")

    async def hold(self) -> None:
        await self.lost.wait()
        self.leading = False
        raise LeadershipLost("another one holds it")

    async def release(self) -> None:
        self.leading = False
        self.diary.append("released")


class Feeder:
    """A watch or a resync: puts one key into the queue, and goes on for ever unless it is to fail."""

    watching = synced = True

    def __init__(self, name: str, queue: WorkQueue, diary: list[str]) -> None:
        self.failure = asyncio.Event()
        self._name = name
        self._queue = queue
        self._diary = diary

    async def run(self) -> None:
        self._diary.append(f"{self._name} began")
        self._queue.add(KEY)
        try:
            await self.failure.wait()
        finally:
            self._diary.append(f"{self._name} ended")
        raise RuntimeError("as the test says")


class Bench:
    """A replica, and what happens to it in order.

    Parameters
    ----------
    work
        Seconds a reconcile takes before it writes.
    """

    def __init__(self, work: float = 0.0, leader: Any = None) -> None:
        self.diary: list[str] = []
        self.leader = leader or LeaderDouble(self.diary)
        self.stop = asyncio.Event()
        self._work = work
        self.queue = WorkQueue(self._reconcile, Metrics())
        self.watch = Feeder("watch", self.queue, self.diary)
        self.resync = Feeder("resync", self.queue, self.diary)
        self.replica = Replica(self.leader, self.queue, cast(Watcher, self.watch), cast(Resync, self.resync))
        self.task = asyncio.create_task(self.replica.run(self.stop))

    async def _reconcile(self, namespace: str, name: str) -> None:
        await asyncio.sleep(self._work)
        self.leader.check()
        self.diary.append("wrote")

    async def ended(self) -> tuple[int, float]:
        """Exit code, and the seconds until then."""
        began = asyncio.get_running_loop().time()
        return await self.task, asyncio.get_running_loop().time() - began


def test_standing_by_it_only_watches_and_ends_at_once(run: Any) -> None:
    async def play() -> None:
        bench = Bench()
        await asyncio.sleep(100)
        assert bench.queue.standstill() == 0
        bench.stop.set()
        assert await bench.ended() == (0, 0)
        assert bench.diary == ["watch began", "watch ended"]

    run(play())


def test_s35_what_was_seen_while_it_stood_by_is_done_when_it_leads(run: Any) -> None:
    async def play() -> None:
        bench = Bench()
        await asyncio.sleep(1000)
        bench.leader.turn.set()
        await asyncio.sleep(0.1)
        assert bench.diary[:4] == [*BEGAN, "wrote"]
        assert bench.queue.standstill() == 0
        bench.stop.set()
        await bench.ended()

    run(play())


def test_a_watch_that_breaks_while_it_stands_by_ends_it(run: Any, caplog: pytest.LogCaptureFixture) -> None:
    async def play() -> None:
        bench = Bench()
        await asyncio.sleep(1)
        bench.watch.failure.set()
        assert await bench.ended() == (1, 0)

    run(play())
    assert "watch ended, which it never should" in caplog.text


def test_s35_the_lead_is_given_back_when_the_last_write_is_done(run: Any) -> None:
    async def play() -> None:
        bench = Bench(work=5)
        bench.leader.turn.set()
        await asyncio.sleep(1)
        bench.stop.set()
        assert await bench.ended() == (0, 4)
        assert bench.diary == [*BEGAN, *ENDED, "wrote", "released"]

    run(play())


def test_s35_what_does_not_end_is_broken_off_and_the_lead_left_to_lapse(run: Any) -> None:
    async def play() -> None:
        bench = Bench(work=1000)
        bench.leader.turn.set()
        await asyncio.sleep(1)
        bench.stop.set()
        assert await bench.ended() == (0, FINISH_SECONDS)
        assert bench.diary == [*BEGAN, *ENDED]

    run(play())


def test_s36_a_lost_lead_ends_it_at_once_without_another_write(run: Any, caplog: pytest.LogCaptureFixture) -> None:
    async def play() -> None:
        bench = Bench(work=5)
        bench.leader.turn.set()
        await asyncio.sleep(1)
        bench.leader.lost.set()
        assert await bench.ended() == (1, 0)
        assert bench.diary == [*BEGAN, *ENDED]

    run(play())
    assert "ending, for a restart to stand by: another one holds it" in caplog.text


def test_s36_a_lead_lost_while_it_ends_stops_the_write_that_was_to_come(run: Any) -> None:
    async def play() -> None:
        bench = Bench(work=5)
        bench.leader.turn.set()
        await asyncio.sleep(1)
        bench.stop.set()
        await asyncio.sleep(1)
        bench.leader.lost.set()
        assert (await bench.ended())[0] == 0
        assert "wrote" not in bench.diary

    run(play())


def test_a_watch_that_breaks_ends_it_in_good_order_with_code_1(run: Any, caplog: pytest.LogCaptureFixture) -> None:
    async def play() -> None:
        bench = Bench(work=1)
        bench.leader.turn.set()
        await asyncio.sleep(0.5)
        bench.watch.failure.set()
        assert (await bench.ended())[0] == 1
        assert bench.diary[-2:] == ["wrote", "released"]

    run(play())
    assert "watch ended, which it never should" in caplog.text


def test_ready_is_who_watches_and_could_lead_or_leads(run: Any) -> None:
    async def play() -> None:
        bench = Bench()
        bench.resync.synced = False
        assert bench.replica.ready() == "cannot read the Lease"
        bench.leader.mute = True
        assert bench.replica.ready() is None
        bench.watch.watching = False
        assert bench.replica.ready() == "not watching yet"
        bench.watch.watching = True
        bench.leader.turn.set()
        await asyncio.sleep(1)
        assert bench.replica.ready() == "not watching yet"
        bench.resync.synced = True
        assert bench.replica.ready() is None
        bench.stop.set()
        await bench.ended()

    run(play())


def test_without_an_election_it_leads_at_once(run: Any) -> None:
    async def play() -> None:
        bench = Bench(leader=Sole())
        await asyncio.sleep(1)
        assert bench.diary[-1] == "wrote"
        assert bench.replica.ready() is None
        bench.stop.set()
        assert await bench.ended() == (0, 0)

    run(play())
