"""One replica's life: stand by, lead, end in good order."""

import asyncio
import logging
from collections.abc import Iterable
from typing import Any

from tidegate.clients.errors import LeadershipLost
from tidegate.controller.leader import Leadership
from tidegate.controller.queue import WorkQueue
from tidegate.controller.resync import Resync
from tidegate.controller.watch import Watcher

logger = logging.getLogger(__name__)

# Kubernetes' own patience is 30 s; a successor should not have to wait for much of it.
FINISH_SECONDS = 8.0


class Replica:
    """Works while `leader` says so, and keeps its hands still before and after."""

    def __init__(self, leader: Leadership, queue: WorkQueue, watcher: Watcher, resync: Resync) -> None:
        self._leader = leader
        self._queue = queue
        self._watcher = watcher
        self._resync = resync

    def ready(self) -> str | None:
        """None while it leads and watches, or stands by and could lead; else what is missing."""
        if not self._leader.leading:
            return self._leader.trouble()
        return None if self._watcher.watching and self._resync.synced else "not watching yet"

    async def run(self, stop: asyncio.Event) -> int:
        """Run until `stop` is set or something ends that never should; gives the exit code, 0 or 1."""
        stopped = asyncio.create_task(stop.wait(), name="signal")
        turn = asyncio.create_task(self._leader.acquire(), name="election")
        try:
            await asyncio.wait([stopped, turn], return_when=asyncio.FIRST_COMPLETED)
            if not turn.done():
                return 0
            turn.result()
            return await self._lead(stopped)
        finally:
            await _cancel([stopped, turn])
            logger.info("stopped")

    async def _lead(self, stopped: asyncio.Task[Any]) -> int:
        self._queue.start()
        holding = asyncio.create_task(self._leader.hold(), name="leadership")
        feeding = [
            asyncio.create_task(self._watcher.run(), name="watch"),
            asyncio.create_task(self._resync.run(), name="resync"),
        ]
        done, _ = await asyncio.wait([stopped, holding, *feeding], return_when=asyncio.FIRST_COMPLETED)
        broken = done - {stopped}
        for task in broken:
            _tell(task)
        await _cancel(feeding)
        # The leadership is held on to until nothing writes any more; where it is lost there is nothing left to finish.
        finished = await self._queue.stop(FINISH_SECONDS if self._leader.leading else 0.0)
        await _cancel([holding])
        if finished:
            await self._leader.release()
        else:
            # What was broken off may still be on its way to the API server: let the leadership lapse.
            logger.warning("reconciles were broken off; the next leader repairs what they left")
        return 1 if broken else 0


def _tell(task: asyncio.Task[Any]) -> None:
    error = task.exception()
    if isinstance(error, LeadershipLost):
        logger.error("ending, for a restart to stand by: %s", error)
    else:
        logger.critical("%s ended, which it never should", task.get_name(), exc_info=error)


async def _cancel(tasks: Iterable[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
