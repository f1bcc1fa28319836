"""Work queue: which ModelDeployment is reconciled when, and by how many workers.

A key is never worked on twice at once and never queued twice; what is added while it is being worked on is done once
more afterwards. A key that fails waits for itself alone.
"""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable

from tidegate.clients.errors import TidegateError
from tidegate.controller.logs import log_fields
from tidegate.controller.metrics import Metrics

logger = logging.getLogger(__name__)

Key = tuple[str, str]
"""Namespace and name of a ModelDeployment."""
Reconcile = Callable[[str, str], Awaitable[float | None]]
"""Does the work for (namespace, name); gives the seconds until it wants to be called again, None for never."""

FIRST_BACKOFF_SECONDS = 0.2
LONGEST_BACKOFF_SECONDS = 60.0
RUN_SECONDS = 300.0


def backoff(failures: int, draw: Callable[[], float] = random.random) -> float:
    """Seconds to wait after so many failures in a row: doubling, capped, the upper half of it by chance.

    Parameters
    ----------
    failures
        At least 1.
    draw
        Gives a number in [0, 1).
    """
    # The exponent is bounded because a float overflows long before a failing key is given up, which is never.
    whole = min(FIRST_BACKOFF_SECONDS * 2.0 ** min(failures - 1, 32), LONGEST_BACKOFF_SECONDS)
    return whole * (0.5 + 0.5 * draw())


class WorkQueue:
    """Keys in, calls of `reconcile` out. All methods are for the event loop's own thread.

    Parameters
    ----------
    reconcile
        The work.
    workers
        Calls at once, at most.
    draw
        Chance in the backoff, see `backoff`.
    run_seconds
        After so long a call is broken off and counts as failed: a worker must not be lost for ever.
    """

    def __init__(
        self,
        reconcile: Reconcile,
        metrics: Metrics,
        *,
        workers: int = 8,
        draw: Callable[[], float] = random.random,
        run_seconds: float = RUN_SECONDS,
    ) -> None:
        self._reconcile = reconcile
        self._metrics = metrics
        self._worker_count = workers
        self._draw = draw
        self._run_seconds = run_seconds
        self._loop = asyncio.get_running_loop()
        self._ready: deque[Key] = deque()
        self._due_since: dict[Key, float] = {}
        self._running: set[Key] = set()
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._failures: dict[Key, int] = {}
        self._wakeup = asyncio.Semaphore(0)
        self._workers: list[asyncio.Task[None]] = []
        self._stopping = False
        self._last_sign_of_life = self._loop.time()

    def start(self) -> None:
        """Start the workers; what was added before has waited for nobody's fault, and counts as due from now on."""
        self._last_sign_of_life = self._loop.time()
        self._due_since = dict.fromkeys(self._due_since, self._loop.time())
        self._workers = [
            asyncio.create_task(self._work(), name=f"reconcile worker {number}") for number in range(self._worker_count)
        ]
        self._show_depth()

    def add(self, key: Key) -> None:
        """Have `key` reconciled as soon as a worker is free; once more if it is being reconciled now."""
        if self._stopping or key in self._due_since:
            return
        if not self._due_since:
            self._last_sign_of_life = self._loop.time()
        self._due_since[key] = self._loop.time()
        if key not in self._running:
            self._offer(key)

    def add_after(self, key: Key, seconds: float) -> None:
        """Have `key` reconciled in so many seconds, unless that happens earlier anyway."""
        if self._stopping:
            return
        when = self._loop.time() + max(seconds, 0.0)
        pending = self._timers.get(key)
        if pending is not None:
            if pending.when() <= when:
                return
            pending.cancel()
        self._timers[key] = self._loop.call_at(when, self._fire, key)

    def standstill(self) -> float:
        """Seconds for which work has been waiting for the workers without any call of `reconcile` ending; else 0."""
        return self._loop.time() - self._last_sign_of_life if self._ready and self._workers else 0.0

    async def stop(self, deadline: float) -> bool:
        """Take nothing up any more and let what runs finish.

        Parameters
        ----------
        deadline
            Seconds; what still runs then is broken off.

        Returns
        -------
        Whether everything finished by itself.
        """
        self._stopping = True
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        for _ in self._workers:
            self._wakeup.release()
        if not self._workers:
            return True
        _, late = await asyncio.wait(self._workers, timeout=deadline)
        for worker in late:
            worker.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        return not late

    def _offer(self, key: Key) -> None:
        self._ready.append(key)
        self._show_depth()
        self._wakeup.release()

    def _show_depth(self) -> None:
        """Nothing waits for the workers of a replica that has none: it only stands by."""
        self._metrics.queue_depth.set(len(self._ready) if self._workers else 0)

    def _fire(self, key: Key) -> None:
        self._timers.pop(key, None)
        self.add(key)

    async def _work(self) -> None:
        while True:
            await self._wakeup.acquire()
            if self._stopping:
                return
            await self._run(self._take())

    def _take(self) -> Key:
        key = self._ready.popleft()
        self._show_depth()
        self._metrics.queue_latency_seconds.observe(self._loop.time() - self._due_since.pop(key))
        # This run knows everything a pending wake-up could tell it, and gives the next one itself.
        if (timer := self._timers.pop(key, None)) is not None:
            timer.cancel()
        self._running.add(key)
        return key

    async def _run(self, key: Key) -> None:
        started = self._loop.time()
        try:
            with log_fields(namespace=key[0], name=key[1]), self._metrics.queue_in_progress.track_inprogress():
                wait = await self._attempt(key)
        finally:
            self._running.discard(key)
            self._last_sign_of_life = self._loop.time()
            self._metrics.reconcile_seconds.observe(self._loop.time() - started)
        if wait is not None:
            self.add_after(key, wait)
        if key in self._due_since:
            self._offer(key)

    async def _attempt(self, key: Key) -> float | None:
        """Call `reconcile`; whatever happens is this key's affair, and the wait until its next turn is returned."""
        try:
            async with asyncio.timeout(self._run_seconds):
                wait = await self._reconcile(*key)
        except TidegateError as error:
            return self._failed(key, error, getattr(error, "retry_after", None))
        except TimeoutError as error:
            logger.error("the reconcile was broken off after %g s", self._run_seconds)
            return self._failed(key, error)
        except Exception as error:
            logger.exception("the reconcile failed in an unforeseen way")
            return self._failed(key, error)
        self._failures.pop(key, None)
        self._metrics.reconciles.labels(result="success").inc()
        return wait

    def _failed(self, key: Key, error: Exception, at_least: float | None = None) -> float:
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        wait = max(backoff(failures, self._draw), at_least or 0.0)
        result = type(error).__name__
        self._metrics.reconciles.labels(result=result).inc()
        self._metrics.queue_retries.inc()
        logger.warning("%s, failure %d in a row, next attempt in %.1f s: %s", result, failures, wait, error)
        return wait
