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
    """Works while `leader` says so, and keeps its hands still before and after.

    It watches from the start: the queue fills up while it stands by, so that the work begins with the lead, however
    many objects there are.
    """

    def __init__(self, leader: Leadership, queue: WorkQueue, watcher: Watcher, resync: Resync) -> None:
        self._leader = leader
        self._queue = queue
        self._watcher = watcher
        self._resync = resync

    def ready(self) -> str | None:
        """None while it watches, and leads or could lead; else what is missing."""
        if not self._leader.leading and (trouble := self._leader.trouble()) is not None:
            return trouble
        synced = self._resync.synced or not self._leader.leading
        return None if self._watcher.watching and synced else "not watching yet"

    async def run(self, stop: asyncio.Event) -> int:
        """Run until `stop` is set or something ends that never should; gives the exit code, 0 or 1."""
        stopped = asyncio.create_task(stop.wait(), name="signal")
        watch = asyncio.create_task(self._watcher.run(), name="watch")
        turn = asyncio.create_task(self._leader.acquire(), name="election")
        try:
            await asyncio.wait([stopped, watch, turn], return_when=asyncio.FIRST_COMPLETED)
            for task in (watch, turn):
                if task.done() and (task is watch or task.exception() is not None):
                    _tell(task)
                    return 1
            return await self._lead(stopped, watch) if turn.done() else 0
        finally:
            await _cancel([stopped, watch, turn])
            logger.info("stopped")

    async def _lead(self, stopped: asyncio.Task[Any], watch: asyncio.Task[Any]) -> int:
        self._queue.start()
        resync = asyncio.create_task(self._resync.run(), name="resync")
        holding = asyncio.create_task(self._leader.hold(), name="leadership")
        parts = [watch, resync, holding]
        await asyncio.wait([stopped, *parts], return_when=asyncio.FIRST_COMPLETED)
        broken = [part for part in parts if part.done()]
        for part in broken:
            _tell(part)
        await _cancel([watch, resync])
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
