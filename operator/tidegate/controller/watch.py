"""Keeps kopf watching: in a thread of its own, started anew whenever it gives up.

kopf ends itself on an error event in a watch and on a CRD that is removed, and when it ends it cancels every task of
its event loop. In a thread it takes nobody with it, and the process need not wait out a crash-loop delay.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from tidegate.api.names import KIND
from tidegate.clients.errors import TidegateError
from tidegate.clients.kube import Kube
from tidegate.controller.handlers import OWNED_KINDS, Enqueue, Login
from tidegate.controller.kopf_thread import KopfThread
from tidegate.controller.metrics import Metrics
from tidegate.controller.queue import backoff

logger = logging.getLogger(__name__)

# Installed by others than us or by nobody; all further kinds come with Kubernetes.
OPTIONAL_KINDS = ("HTTPRoute",)
POLL_SECONDS = 15.0
LONGEST_PAUSE_SECONDS = 10.0
STEADY_SECONDS = 60.0


class Watcher:
    """Feeds the queue from watch streams.

    Parameters
    ----------
    enqueue
        Called in the event loop that runs `run`.
    namespaces
        Those to watch; all where empty.
    poll_seconds
        How often to look for a kind that is not installed.
    """

    def __init__(
        self,
        kube: Kube,
        enqueue: Enqueue,
        login: Login,
        metrics: Metrics,
        *,
        namespaces: Sequence[str] = (),
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._kube = kube
        self._enqueue = enqueue
        self._login = login
        self._metrics = metrics
        self._namespaces = tuple(namespaces)
        self._poll_seconds = poll_seconds
        self._thread: KopfThread | None = None

    @property
    def watching(self) -> bool:
        """Whether kopf runs and has got past its start-up."""
        return self._thread is not None and self._thread.ready.is_set()

    def standstill(self) -> float:
        """Seconds since any watch was last opened or tried to be; 0 while there is nobody to do it."""
        return 0.0 if self._thread is None else self._thread.standstill

    async def run(self) -> None:
        """Watch until cancelled."""
        failures = 0
        loop = asyncio.get_running_loop()
        while True:
            started = loop.time()
            try:
                await self._watch_once()
            except TidegateError as error:
                logger.warning("cannot start watching: %s", error)
            failures = 1 if loop.time() - started > STEADY_SECONDS else failures + 1
            self._metrics.watch_restarts.inc()
            await asyncio.sleep(min(backoff(failures), LONGEST_PAUSE_SECONDS))

    async def _watch_once(self) -> None:
        """Watch whatever is installed; return when kopf has ended or a kind has appeared."""
        if not await self._kube.serves(KIND):
            logger.warning("%s: the API server does not serve this kind, is its CRD installed?", KIND)
            await self._until_served(KIND)
        missing = [kind for kind in OPTIONAL_KINDS if not await self._kube.serves(kind)]
        if missing:
            logger.warning("%s: not installed, will be watched as soon as it is", ", ".join(missing))
        kinds = (KIND, *(kind for kind in OWNED_KINDS if kind not in missing))
        self._thread = KopfThread(kinds, self._enqueue, self._login, self._namespaces)
        ended = self._thread.start()
        appeared = [asyncio.create_task(self._until_served(kind), name=f"wait for {kind}") for kind in missing]
        try:
            waited_for: list[asyncio.Future[Any]] = [ended, *appeared]
            await asyncio.wait(waited_for, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in appeared:
                task.cancel()
            self._thread.stop()
            self._thread = None
        if ended.done() and (error := ended.result()) is not None:
            logger.error("watching ended and is started anew: %s: %s", type(error).__name__, error)

    async def _until_served(self, kind: str) -> None:
        served = False
        while not served:
            await asyncio.sleep(self._poll_seconds)
            try:
                served = await self._kube.serves(kind)
            except TidegateError as error:
                logger.warning("cannot tell whether %s is installed: %s", kind, error)
