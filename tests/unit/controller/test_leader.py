"""The election, in fake time: never two leaders, and a new one in time."""

import asyncio
import copy
import functools
import logging
import random
from collections.abc import Awaitable, Callable, Collection, Coroutine, Generator
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from tidegate.clients.errors import AlreadyExists, ApiUnavailable, Conflict, Forbidden, LeadershipLost, TidegateError
from tidegate.clients.kube import Kube
from tidegate.controller.leader import (
    ATTEMPT_SECONDS,
    JITTER,
    LEAD_SECONDS,
    LEASE_SECONDS,
    LOOK_SECONDS,
    RELEASE_SECONDS,
    RENEW_SECONDS,
    Elector,
)

# Of the random histories; each is two and a half minutes.
SEEDS = 40

Object = dict[str, Any]
Play = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture
def play(run: Any) -> Play:
    """Run a scenario in fake time; whoever is still at work when it ends is sent home."""

    async def tidily(scenario: Coroutine[Any, Any, Any]) -> Any:
        try:
            return await scenario
        finally:
            await cancel(asyncio.all_tasks() - {asyncio.current_task()})
            _at_work.clear()

    return lambda scenario: run(tidily(scenario))


@dataclass
class LeaseDouble:
    """The one Lease, as the API server keeps it: a write without its resourceVersion is refused."""

    lease: Object | None = None
    version: int = 100

    def put(self, spec: Object | None, **metadata: Any) -> None:
        """Write as somebody else would."""
        self.version += 1
        self.lease = {"metadata": {"name": "tidegate", "resourceVersion": str(self.version), **metadata}, "spec": spec}

    def replace(self, obj: Object) -> Object:
        wanted = obj["metadata"].get("resourceVersion")
        present = self.lease["metadata"]["resourceVersion"] if self.lease is not None else None
        if wanted is None and present is not None:
            raise AlreadyExists("metadata.resourceVersion: must be specified for an update", code=422)
        if wanted != present:
            raise Conflict("the object has been modified, or is gone", code=409)
        self.put(copy.deepcopy(obj["spec"]))
        return copy.deepcopy(cast(Object, self.lease))

    @property
    def spec(self) -> Object:
        assert self.lease is not None
        return cast(Object, self.lease["spec"])


async def at_once() -> None:
    """No delay."""


@dataclass
class Line:
    """One replica's line to the API server, with the client's own time-out.

    Attributes
    ----------
    before, after
        Awaited on the way to the server and on the way back: a line that hangs, is slow, or loses answers.
    """

    server: LeaseDouble
    before: Callable[[], Awaitable[None]] = at_once
    after: Callable[[], Awaitable[None]] = at_once
    looks: list[float] = field(default_factory=list)
    writes: list[float] = field(default_factory=list)

    async def get(self, kind: str, namespace: str, name: str) -> Object | None:
        self.looks.append(now())
        return cast(Object | None, await self._exchange(lambda: copy.deepcopy(self.server.lease)))

    async def replace(self, obj: Object) -> Object:
        self.writes.append(now())
        return cast(Object, await self._exchange(lambda: self.server.replace(obj)))

    async def _exchange(self, act: Callable[[], Object | None]) -> Object | None:
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                await self.before()
                answer = act()
                await self.after()
                return answer
        except TimeoutError as error:
            raise ApiUnavailable("no answer within 2.5 s") from error


def now() -> float:
    return asyncio.get_running_loop().time()


def elector(line: Line, identity: str, **options: Any) -> Elector:
    options = {"clock": now, "draw": lambda: 0.0, **options}
    return Elector(cast(Kube, line), "tidegate-system", "tidegate", identity=identity, **options)


async def lead(one: Elector) -> None:
    """What a process does: wait for its turn, then hold on to it."""
    await one.acquire()
    await one.hold()


_at_work: set[asyncio.Task[Any]] = set()


def begin(*work: Coroutine[Any, Any, Any]) -> list[asyncio.Task[Any]]:
    """Start what goes on beside the test."""
    tasks = [asyncio.create_task(one) for one in work]
    _at_work.update(tasks)
    return tasks


async def hang() -> None:
    await asyncio.Event().wait()


async def until(condition: Callable[[], bool], seconds: float = 60) -> float:
    """Wait until it is so; gives how long that took."""
    began = now()
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return now() - began


def test_the_first_one_makes_the_lease_and_renews_it(play: Play) -> None:
    async def scenario() -> None:
        server = LeaseDouble()
        line = Line(server)
        one = elector(line, "one")
        assert not one.leading
        with pytest.raises(LeadershipLost, match="one, does not hold the Lease tidegate-system/tidegate"):
            one.check()
        await one.acquire()
        one.check()
        assert server.spec["holderIdentity"] == "one"
        assert server.spec["leaseDurationSeconds"] == LEASE_SECONDS
        assert server.spec["leaseTransitions"] == 0
        first = dict(server.spec)
        begin(one.hold())
        await asyncio.sleep(60)
        one.check()
        assert len(line.writes) == 1 + 60 / RENEW_SECONDS - 1
        assert server.spec == {**first, "renewTime": server.spec["renewTime"]}

    play(scenario())


def test_of_many_at_once_one_leads(play: Play) -> None:
    async def scenario() -> None:
        server = LeaseDouble()
        many = [elector(Line(server), str(number), draw=random.Random(number).random) for number in range(5)]
        tasks = [asyncio.create_task(lead(one)) for one in many]
        for _ in range(300):
            await asyncio.sleep(0.1)
            assert sum(one.leading for one in many) == 1
        assert not any(task.done() for task in tasks)

    play(scenario())


def test_s35_a_lease_that_is_given_back_is_taken_at_the_next_look(play: Play) -> None:
    async def scenario() -> None:
        server = LeaseDouble()
        old, new = elector(Line(server), "old"), elector(Line(server), "new")
        await old.acquire()
        (task,) = begin(new.acquire())
        await asyncio.sleep(3)
        await old.release()
        assert not old.leading
        assert server.spec["holderIdentity"] == ""
        assert await until(lambda: new.leading) <= LOOK_SECONDS
        assert server.spec["leaseTransitions"] == 1
        await task

    play(scenario())


@pytest.mark.parametrize("moment", [0.0, 0.5, 1.9])
def test_s35_a_leader_that_was_killed_is_succeeded_in_time_and_not_before(play: Play, moment: float) -> None:
    async def scenario() -> None:
        server = LeaseDouble()
        old, new = elector(Line(server), "old"), elector(Line(server), "new")
        await old.acquire()
        tasks = begin(old.hold(), lead(new))
        await asyncio.sleep(20 + moment)
        tasks[0].cancel()
        await until(lambda: not old.leading)
        assert not new.leading
        waited = LEAD_SECONDS - moment + await until(lambda: new.leading)
        assert LEASE_SECONDS - RENEW_SECONDS <= waited <= LEASE_SECONDS + LOOK_SECONDS + 0.1

    play(scenario())


@pytest.mark.parametrize("renewed", ["2000-01-01T00:00:00.000000Z", "2100-01-01T00:00:00.000000Z", None, "nonsense"])
def test_wall_clocks_of_others_are_never_believed(play: Play, renewed: str | None) -> None:
    async def scenario() -> None:
        server = LeaseDouble()
        one = elector(Line(server), "one")
        (task,) = begin(one.acquire())
        for count in range(30):
            server.put({"holderIdentity": "other", "leaseTransitions": count, "renewTime": renewed})
            await asyncio.sleep(9)
            assert not one.leading
        assert 0 <= await until(lambda: one.leading) <= 2 + LOOK_SECONDS
        await task

    play(scenario())


def test_the_holder_says_how_long_it_may_be_silent(play: Play) -> None:
    async def scenario() -> None:
        server = LeaseDouble()
        server.put({"holderIdentity": "of another version", "leaseDurationSeconds": 30})
        assert 30 <= await timed(elector(Line(server), "one").acquire()) <= 30.1

    play(scenario())


@pytest.mark.parametrize(
    ("spec", "wait"),
    [
        (None, 0),
        ({}, 0),
        ({"holderIdentity": None}, 0),
        ({"holderIdentity": "", "leaseDurationSeconds": 3600}, 0),
        ({"holderIdentity": "one", "leaseDurationSeconds": 3600}, 0),
        ({"holderIdentity": "gone"}, LEASE_SECONDS),
        ({"holderIdentity": "gone", "leaseDurationSeconds": None, "leaseTransitions": None}, LEASE_SECONDS),
    ],
)
def test_whatever_is_in_the_lease_it_can_be_had(play: Play, spec: Object | None, wait: float) -> None:
    async def scenario() -> None:
        server = LeaseDouble()
        server.put(spec)
        one = elector(Line(server), "one")
        assert wait <= await timed(one.acquire()) <= wait + 0.1
        assert server.spec["holderIdentity"] == "one"
        assert one.leading

    play(scenario())


def test_s37_an_api_server_that_hangs_ends_the_leader_before_its_lease_can_be_taken(play: Play) -> None:
    async def scenario() -> None:
        server = LeaseDouble()
        line = Line(server)
        old, new = elector(line, "old"), elector(Line(server), "new")
        await old.acquire()
        tasks = begin(old.hold(), new.acquire())
        await asyncio.sleep(20.5)
        line.before = hang
        with pytest.raises(LeadershipLost, match=r"was last renewed 7\.\d s ago, expected every 2 s"):
            await tasks[0]
        assert now() - line.writes[0] >= LEAD_SECONDS
        assert not new.leading
        assert await until(lambda: new.leading) >= LEASE_SECONDS - LEAD_SECONDS - LOOK_SECONDS
        await tasks[1]

    play(scenario())


def test_one_attempt_that_hangs_or_one_refusal_costs_nothing(play: Play) -> None:
    async def scenario() -> None:
        line = Line(LeaseDouble())
        one = elector(line, "one")
        await one.acquire()
        begin(one.hold())
        for trouble in (hang, raising(ApiUnavailable("HTTP 503")), raising(Forbidden("HTTP 403"))):
            line.before = trouble
            await asyncio.sleep(4)
            line.before = at_once
            await asyncio.sleep(4)
            one.check()

    play(scenario())


def test_a_renewal_whose_answer_was_lost_is_found_to_be_ones_own(play: Play) -> None:
    async def scenario() -> None:
        line = Line(LeaseDouble())
        one = elector(line, "one")
        await one.acquire()
        (task,) = begin(one.hold())
        line.after = hang
        await asyncio.sleep(4)
        line.after = at_once
        await asyncio.sleep(20)
        one.check()
        assert not task.done()

    play(scenario())


def test_an_answer_that_comes_after_the_time_ran_out_does_not_count(play: Play) -> None:
    async def scenario() -> None:
        line = Line(LeaseDouble())
        one = elector(line, "one")
        work = Stoppable(lambda: lead(one))
        (task,) = begin(run_to_end(work))

        async def stopped_meanwhile() -> None:
            work.stop(LEAD_SECONDS)
            await asyncio.sleep(0)

        await asyncio.sleep(1)
        line.after = stopped_meanwhile
        with pytest.raises(LeadershipLost, match=r"was last renewed 9\.\d s ago"):
            await task
        with pytest.raises(LeadershipLost):
            one.check()

    play(scenario())


@pytest.mark.parametrize("change", ["labelled", "deleted"])
def test_a_lease_that_a_person_touched_is_kept(play: Play, change: str) -> None:
    async def scenario() -> None:
        server = LeaseDouble()
        one, other = elector(Line(server), "one"), elector(Line(server), "other")
        await one.acquire()
        begin(one.hold(), lead(other))
        await asyncio.sleep(1.5)
        for _ in range(20):
            if change == "labelled":
                server.put(server.spec, labels={"some": "label"})
            else:
                server.lease = None
            await asyncio.sleep(3.3)
            assert one.leading
            assert not other.leading

    play(scenario())


def test_a_lease_that_was_deleted_and_made_by_another_is_let_go(play: Play) -> None:
    async def scenario() -> None:
        server = LeaseDouble()
        one = elector(Line(server), "one")
        await one.acquire()
        (task,) = begin(one.hold())
        server.lease = None
        await elector(Line(server), "just started").acquire()
        with pytest.raises(LeadershipLost, match="just started holds the Lease"):
            await task

    play(scenario())


def test_a_lease_that_another_took_is_let_go(play: Play) -> None:
    async def scenario() -> None:
        server = LeaseDouble()
        one = elector(Line(server), "one")
        await one.acquire()
        server.put({"holderIdentity": "thief"})
        with pytest.raises(LeadershipLost, match="thief holds the Lease"):
            await one.hold()
        assert not one.leading
        await one.release()
        assert server.spec["holderIdentity"] == "thief"

    play(scenario())


class Stoppable:
    """Work that can be stopped where it stands, as by SIGSTOP: time goes on and answers arrive, but nothing runs."""

    def __init__(self, work: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        self._work = work
        self._until = 0.0

    def stop(self, seconds: float) -> None:
        self._until = now() + seconds

    def __await__(self) -> Generator[Any, Any, Any]:
        work = self._work().__await__()
        step: Callable[[], Any] = functools.partial(work.send, None)
        while True:
            try:
                waits_for = step()
            except StopIteration as end:
                return end.value
            cancelled = yield from self._wait(waits_for)
            step = functools.partial(work.send, None) if cancelled is None else functools.partial(work.throw, cancelled)

    def _wait(self, waits_for: Any) -> Generator[Any, Any, asyncio.CancelledError | None]:
        cancelled = None
        try:
            yield waits_for
        except asyncio.CancelledError as error:
            cancelled = error
        while now() < self._until:
            try:
                yield from asyncio.sleep(self._until - now()).__await__()
            except asyncio.CancelledError as error:
                cancelled = error
        return cancelled


async def run_to_end(work: Stoppable) -> Any:
    return await work


def test_s36_a_leader_that_was_stopped_notices_at_once_and_for_good(play: Play) -> None:
    async def scenario() -> None:
        server = LeaseDouble()
        one = elector(Line(server), "one")
        work = Stoppable(lambda: lead(one))
        (task,) = begin(run_to_end(work))
        await asyncio.sleep(3)
        one.check()
        before = server.version
        work.stop(LEAD_SECONDS + 1)
        await asyncio.sleep(LEAD_SECONDS + 1)
        with pytest.raises(LeadershipLost):
            one.check()
        with pytest.raises(LeadershipLost, match=r"was last renewed (8|9)\.\d s ago"):
            await task
        with pytest.raises(LeadershipLost):
            one.check()
        assert server.version == before

    play(scenario())


@pytest.mark.parametrize("slow_line", [False, True])
def test_s36_one_that_stood_by_and_was_stopped_takes_nothing_from_a_leader(play: Play, slow_line: bool) -> None:
    async def scenario() -> None:
        server = LeaseDouble()
        old, line = elector(Line(server), "old"), Line(server)
        if slow_line:
            # Stopped with an answer on its way, which is then an old one.
            line.after = functools.partial(asyncio.sleep, 0.5)
        new = elector(line, "new")
        work = Stoppable(lambda: lead(new))
        tasks = begin(lead(old), run_to_end(work))
        for _ in range(50):
            await asyncio.sleep(1.7)
            work.stop(2 * LEASE_SECONDS)
            await asyncio.sleep(2 * LEASE_SECONDS)
        assert old.leading
        assert not new.leading
        assert not any(task.done() for task in tasks)

    play(scenario())


def test_a_lease_is_given_back_although_the_last_renewal_is_in_doubt(play: Play) -> None:
    async def scenario() -> None:
        server = LeaseDouble()
        line = Line(server)
        one = elector(line, "one")
        await one.acquire()
        (task,) = begin(one.hold())
        line.after = hang
        await asyncio.sleep(RENEW_SECONDS + 0.1)
        await cancel([task])
        line.after = at_once
        await one.release()
        assert server.spec["holderIdentity"] == ""

    play(scenario())


def test_giving_back_waits_for_nobody(play: Play, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        line = Line(LeaseDouble())
        one = elector(line, "one")
        await one.acquire()
        line.before = hang
        assert await timed(one.release()) <= RELEASE_SECONDS
        assert not one.leading

    play(scenario())
    assert "was not given back, a successor waits 10 s" in caplog.text


def test_what_keeps_it_from_the_lease_is_told_once(play: Play, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        line = Line(LeaseDouble(), before=raising(Forbidden("get leases: HTTP 403")))
        one = elector(line, "one")
        assert "has not been read yet" in (one.trouble() or "")
        (task,) = begin(one.acquire())
        await asyncio.sleep(30)
        assert one.trouble() == "get leases: HTTP 403"
        line.before = at_once
        await asyncio.sleep(LOOK_SECONDS)
        assert one.trouble() is None
        await task

    with caplog.at_level(logging.INFO):
        play(scenario())
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == [
        "cannot take part in the election: get leases: HTTP 403"
    ]
    assert caplog.records[-1].message == "leading: took the Lease tidegate-system/tidegate as one"


@pytest.mark.parametrize("draw", [0.0, 0.999])
def test_replicas_do_not_march_in_step(play: Play, draw: float) -> None:
    async def scenario() -> None:
        server = LeaseDouble()
        old, line = elector(Line(server), "old"), Line(server)
        await old.acquire()
        new = elector(line, "new", draw=lambda: draw)
        begin(old.hold(), new.acquire())
        await asyncio.sleep(5.5)
        gaps = [after - before for before, after in zip(line.looks, line.looks[1:], strict=False)]
        assert gaps == pytest.approx([LOOK_SECONDS * (1 - JITTER * draw)] * len(gaps))

    play(scenario())


@pytest.mark.parametrize("seed", range(SEEDS))
def test_s35_s36_never_two_leaders_whatever_happens(play: Play, seed: int) -> None:
    """Three replicas with bad lines, stops, kills and clean ends; whoever is gone is started anew."""
    chance = random.Random(seed)

    async def scenario() -> int:
        server = LeaseDouble()
        replicas = [Troubled(server, chance, f"{index}-0") for index in range(3)]
        leaders: set[str] = set()
        for step in range(1500):
            await asyncio.sleep(0.1)
            leading = [one.elector.identity for one in replicas if one.elector.leading]
            assert len(leading) <= 1, f"after {now():.1f} s"
            leaders.update(leading)
            if chance.random() < 0.02:
                index = chance.randrange(3)
                replicas[index] = await replicas[index].suffer(f"{index}-{step}")
        for one in replicas:
            one.line.before = one.line.after = at_once
        # The longest stop, and what was lost by it is noticed.
        await asyncio.sleep(30 + ATTEMPT_SECONDS)
        replicas = [await one.suffer(f"last-{one.elector.identity}") if one.task.done() else one for one in replicas]
        await until(lambda: sum(one.elector.leading for one in replicas) == 1, LEASE_SECONDS + 2 * LOOK_SECONDS)
        return len(leaders)

    assert play(scenario()) > 1, "nothing happened"


class Troubled:
    """A replica to which anything may happen."""

    def __init__(self, server: LeaseDouble, chance: random.Random, identity: str) -> None:
        self.line = Line(server)
        self.elector = elector(self.line, identity, draw=chance.random)
        self._work = Stoppable(lambda: lead(self.elector))
        (self.task,) = begin(run_to_end(self._work))
        self._chance = chance

    async def suffer(self, successor: str) -> "Troubled":
        """Have something happen; gives the replica that is there afterwards."""
        chance = self._chance
        happening = "killed" if self.task.done() else chance.choice(["killed", "ended", "line", "line", "stopped"])
        if happening == "line":
            self.line.before, self.line.after = chance.choices([at_once, hang, slow(chance)], k=2)
            return self
        if happening == "stopped":
            self._work.stop(chance.uniform(1, 30))
            return self
        self._work.stop(0)
        await cancel([self.task])
        if happening == "ended":
            await self.elector.release()
        return Troubled(self.line.server, chance, successor)


def slow(chance: random.Random) -> Callable[[], Awaitable[None]]:
    async def wait() -> None:
        await asyncio.sleep(chance.uniform(0, 3))

    return wait


def raising(error: TidegateError) -> Callable[[], Awaitable[None]]:
    async def fail() -> None:
        raise error

    return fail


async def timed(work: Awaitable[None]) -> float:
    began = now()
    await work
    return now() - began


async def cancel(tasks: Collection[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
