"""The work queue, in fake time."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tidegate.clients.errors import ApiUnavailable, Conflict
from tidegate.controller.metrics import Metrics
from tidegate.controller.queue import FIRST_BACKOFF_SECONDS, LONGEST_BACKOFF_SECONDS, Key, WorkQueue, backoff

A: Key = ("demo", "a")
B: Key = ("demo", "b")


class Recorder:
    """A reconcile that notes when it was called and does what the test says."""

    def __init__(self, script: Callable[[Key, int], Awaitable[float | None]] | None = None) -> None:
        self.calls: dict[Key, list[float]] = defaultdict(list)
        self.running: dict[Key, int] = defaultdict(int)
        self.most_at_once = 0
        self._script = script

    async def __call__(self, namespace: str, name: str) -> float | None:
        key = (namespace, name)
        self.calls[key].append(now())
        self.running[key] += 1
        assert self.running[key] == 1, f"{key} is worked on twice at once"
        self.most_at_once = max(self.most_at_once, sum(self.running.values()))
        try:
            return await self._script(key, len(self.calls[key])) if self._script else None
        finally:
            self.running[key] -= 1


def now() -> float:
    return round(asyncio.get_running_loop().time(), 6)


def queue_of(recorder: Recorder, **options: Any) -> WorkQueue:
    queue = WorkQueue(recorder, Metrics(), draw=lambda: 1.0, **options)
    queue.start()
    return queue


def test_what_is_added_twice_is_done_once(run: Any) -> None:
    async def scenario() -> None:
        recorder = Recorder()
        queue = queue_of(recorder)
        for _ in range(5):
            queue.add(A)
        await asyncio.sleep(1)
        assert recorder.calls == {A: [0.0]}

    run(scenario())


def test_what_is_added_while_it_runs_is_done_once_more(run: Any) -> None:
    async def slow(key: Key, attempt: int) -> None:
        await asyncio.sleep(10)

    async def scenario() -> None:
        recorder = Recorder(slow)
        queue = queue_of(recorder)
        queue.add(A)
        await asyncio.sleep(1)
        for _ in range(5):
            queue.add(A)
        await asyncio.sleep(100)
        assert recorder.calls == {A: [0.0, 10.0]}

    run(scenario())


@pytest.mark.parametrize(("first", "second"), [(30, 5), (5, 30)])
def test_the_earliest_of_two_wake_ups_wins(run: Any, first: float, second: float) -> None:
    async def scenario() -> None:
        recorder = Recorder()
        queue = queue_of(recorder)
        queue.add_after(A, first)
        queue.add_after(A, second)
        await asyncio.sleep(100)
        assert recorder.calls == {A: [5.0]}

    run(scenario())


def test_a_run_replaces_the_wake_up_that_was_pending(run: Any) -> None:
    async def again_in_seven(key: Key, attempt: int) -> float | None:
        return 7.0 if attempt == 1 else None

    async def scenario() -> None:
        recorder = Recorder(again_in_seven)
        queue = queue_of(recorder)
        queue.add_after(A, 3)
        queue.add(A)
        await asyncio.sleep(100)
        assert recorder.calls == {A: [0.0, 7.0]}

    run(scenario())


def test_no_more_workers_than_asked_for(run: Any) -> None:
    async def slow(key: Key, attempt: int) -> None:
        await asyncio.sleep(1)

    async def scenario() -> None:
        recorder = Recorder(slow)
        queue = queue_of(recorder, workers=3)
        for number in range(10):
            queue.add(("demo", str(number)))
        await asyncio.sleep(100)
        assert recorder.most_at_once == 3
        assert sorted(start for (start,) in recorder.calls.values()) == [0.0] * 3 + [1.0] * 3 + [2.0] * 3 + [3.0]

    run(scenario())


def test_s42_a_poison_key_backs_off_alone(run: Any) -> None:
    async def poison(key: Key, attempt: int) -> None:
        if key == A:
            raise ZeroDivisionError("absurd value")

    async def scenario() -> None:
        recorder = Recorder(poison)
        queue = queue_of(recorder, workers=1)
        queue.add(A)
        for _ in range(600):
            queue.add(B)
            await asyncio.sleep(1)
        waits = [later - earlier for earlier, later in zip(recorder.calls[A], recorder.calls[A][1:], strict=False)]
        assert waits[:9] == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2])
        assert waits[9:] == pytest.approx([60.0] * len(waits[9:]))
        assert len(waits) > 9
        assert recorder.calls[B] == [float(second) for second in range(600)]

    run(scenario())


def test_success_ends_the_backoff(run: Any) -> None:
    async def third_time_lucky(key: Key, attempt: int) -> float | None:
        if attempt in (1, 2, 4):
            raise Conflict("moved on")
        return 10.0 if attempt == 3 else None

    async def scenario() -> None:
        recorder = Recorder(third_time_lucky)
        queue = queue_of(recorder)
        queue.add(A)
        await asyncio.sleep(100)
        assert recorder.calls == {A: [0.0, 0.2, 0.6, 10.6, 10.8]}

    run(scenario())


def test_the_server_is_given_the_time_it_asked_for(run: Any) -> None:
    async def overloaded(key: Key, attempt: int) -> None:
        if attempt == 1:
            raise ApiUnavailable("too many requests", code=429, retry_after=33)

    async def scenario() -> None:
        recorder = Recorder(overloaded)
        queue = queue_of(recorder)
        queue.add(A)
        await asyncio.sleep(100)
        assert recorder.calls == {A: [0.0, 33.0]}

    run(scenario())


def test_a_change_is_looked_at_at_once_even_in_a_backoff(run: Any) -> None:
    async def fails_at_first(key: Key, attempt: int) -> None:
        if attempt < 8:
            raise Conflict("moved on")

    async def scenario() -> None:
        recorder = Recorder(fails_at_first)
        queue = queue_of(recorder)
        queue.add(A)
        await asyncio.sleep(20)
        queue.add(A)
        await asyncio.sleep(100)
        assert recorder.calls[A][-1] == 20.0
        assert len(recorder.calls[A]) == 8

    run(scenario())


def test_a_reconcile_that_hangs_is_broken_off(run: Any) -> None:
    async def hangs_once(key: Key, attempt: int) -> None:
        if attempt == 1:
            await asyncio.Event().wait()

    async def scenario() -> None:
        recorder = Recorder(hangs_once)
        queue = queue_of(recorder, run_seconds=120)
        queue.add(A)
        await asyncio.sleep(200)
        assert recorder.calls == {A: [0.0, 120.2]}

    run(scenario())


@pytest.mark.parametrize(("needs", "deadline", "finished"), [(5, 8, True), (9, 8, False)])
def test_stop_lets_what_runs_finish(run: Any, needs: float, deadline: float, finished: bool) -> None:
    ended = []

    async def slow(key: Key, attempt: int) -> None:
        await asyncio.sleep(needs)
        ended.append(key)

    async def scenario() -> None:
        recorder = Recorder(slow)
        queue = queue_of(recorder, workers=1)
        queue.add(A)
        queue.add(B)
        queue.add_after(("demo", "c"), 1)
        await asyncio.sleep(0.5)
        assert await queue.stop(deadline) is finished
        assert now() == min(needs, 0.5 + deadline)
        queue.add(B)
        await asyncio.sleep(100)
        assert set(recorder.calls) == {A}
        assert ended == ([A] if finished else [])

    run(scenario())


def test_standstill_is_work_waiting_and_nothing_ending(run: Any) -> None:
    async def stuck(key: Key, attempt: int) -> None:
        await asyncio.sleep(100 if key == A else 0)

    async def scenario() -> None:
        queue = queue_of(Recorder(stuck), workers=1)
        await asyncio.sleep(50)
        assert queue.standstill() == 0.0
        queue.add(A)
        await asyncio.sleep(40)
        assert queue.standstill() == 0.0, "nothing waits, one long reconcile is no standstill"
        queue.add(B)
        await asyncio.sleep(30)
        assert queue.standstill() == 30.0
        await asyncio.sleep(31)
        assert queue.standstill() == 0.0

    run(scenario())


def test_what_is_added_before_the_start_waits_for_it_and_is_not_late(run: Any) -> None:
    async def scenario() -> None:
        recorder, metrics = Recorder(), Metrics()
        queue = WorkQueue(recorder, metrics)
        for _ in range(3):
            queue.add(A)
            await asyncio.sleep(1000)
        assert queue.standstill() == 0.0
        queue.start()
        assert queue.standstill() == 0.0
        await asyncio.sleep(1)
        assert recorder.calls == {A: [3000.0]}
        assert metrics.registry.get_sample_value("tidegate_queue_latency_seconds_sum") == 0.0

    run(scenario())


def test_metrics_tell_depth_latency_and_retries(run: Any) -> None:
    async def script(key: Key, attempt: int) -> None:
        await asyncio.sleep(4)
        if key == B and attempt == 1:
            raise Conflict("moved on")

    async def scenario() -> None:
        metrics = Metrics()
        queue = WorkQueue(Recorder(script), metrics, workers=1, draw=lambda: 1.0)
        queue.start()
        queue.add(A)
        queue.add(B)
        await asyncio.sleep(1)
        value = metrics.registry.get_sample_value
        assert value("tidegate_queue_depth") == 1
        assert value("tidegate_queue_in_progress") == 1
        await asyncio.sleep(100)
        assert value("tidegate_queue_depth") == 0
        assert value("tidegate_queue_retries_total") == 1
        assert value("tidegate_queue_latency_seconds_sum") == pytest.approx(4)
        assert value("tidegate_reconcile_total", {"result": "success"}) == 2
        assert value("tidegate_reconcile_total", {"result": "Conflict"}) == 1
        assert value("tidegate_reconcile_seconds_sum") == pytest.approx(12)

    run(scenario())


@pytest.mark.parametrize("failures", [1, 2, 9, 10, 1000, 10**9])
def test_backoff_doubles_to_a_cap_and_half_of_it_is_chance(failures: int) -> None:
    whole = min(FIRST_BACKOFF_SECONDS * 2 ** min(failures - 1, 20), LONGEST_BACKOFF_SECONDS)
    assert backoff(failures, lambda: 0.0) == pytest.approx(whole / 2)
    assert backoff(failures, lambda: 1.0) == pytest.approx(whole)


def test_what_comes_to_a_replica_that_stands_by_waits_for_no_worker_of_its_own(run: Any) -> None:
    async def scenario() -> None:
        metrics, recorder = Metrics(), Recorder()
        queue = WorkQueue(recorder, metrics)
        for key in (A, B):
            queue.add(key)
        assert metrics.registry.get_sample_value("tidegate_queue_depth") == 0
        queue.start()
        assert metrics.registry.get_sample_value("tidegate_queue_depth") == 2
        await asyncio.sleep(1)
        assert metrics.registry.get_sample_value("tidegate_queue_depth") == 0
        assert recorder.calls.keys() == {A, B}

    run(scenario())
