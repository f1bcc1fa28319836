"""Keeps kopf watching: in a thread of its own, started anew whenever it gives up.

kopf ends itself on an error event in a watch and on a CRD that is removed, and when it ends it cancels every task of
its event loop. In a thread it takes nobody with it, and the process need not wait out a crash-loop delay.
"""

import asyncio
import logging
import socket
import threading
from collections.abc import Sequence
from typing import Any

import kopf
from kopf._core.engines.peering import Identity

from tidegate.api.names import KIND
from tidegate.clients.errors import TidegateError
from tidegate.clients.kube import Kube
from tidegate.controller.handlers import OWNED_KINDS, Enqueue, Login, build_registry, build_settings
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
        self._thread: _KopfThread | None = None

    @property
    def watching(self) -> bool:
        """Whether kopf runs and has got past its start-up."""
        return self._thread is not None and self._thread.ready.is_set()

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
        self._thread = _KopfThread(kinds, self._enqueue, self._login, self._namespaces)
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


class _KopfThread:
    """One run of kopf.

    Attributes
    ----------
    ready
        Set once kopf has got past its start-up.
    """

    def __init__(self, kinds: tuple[str, ...], enqueue: Enqueue, login: Login, namespaces: tuple[str, ...]) -> None:
        self.ready = threading.Event()
        self._kinds = kinds
        self._enqueue = enqueue
        self._login = login
        self._namespaces = namespaces
        self._outside = asyncio.get_running_loop()
        self._ended: asyncio.Future[BaseException | None] = self._outside.create_future()
        self._inside: asyncio.AbstractEventLoop | None = None
        self._operator: asyncio.Task[None] | None = None
        self._stopped = False

    def start(self) -> asyncio.Future[BaseException | None]:
        """Start the thread; the future gives what ended it, None for a regular end."""
        threading.Thread(target=self._main, name="kopf", daemon=True).start()
        return self._ended

    def stop(self) -> None:
        """Ask the thread to end; what it still sees goes nowhere."""
        self._stopped = True
        self.ready.clear()
        self._enqueue = lambda key: None
        if self._inside is not None and self._operator is not None and not self._inside.is_closed():
            self._inside.call_soon_threadsafe(self._operator.cancel)

    def _main(self) -> None:
        error: BaseException | None = None
        try:
            asyncio.run(self._operate_until_stopped())
        except BaseException as caught:
            error = caught
        if not self._outside.is_closed():
            self._outside.call_soon_threadsafe(self._finish, error)

    def _finish(self, error: BaseException | None) -> None:
        if not self._ended.done():
            self._ended.set_result(error)

    async def _operate_until_stopped(self) -> None:
        self._operator = asyncio.create_task(self._operate())
        self._inside = asyncio.get_running_loop()
        if self._stopped:
            self._operator.cancel()
        await self._operator

    async def _operate(self) -> None:
        # Not kopf.operator(): when a watch fails, it waits five seconds for the others to end by themselves.
        tasks = await kopf.spawn_tasks(
            registry=build_registry(self._kinds, self._hand_over, self._login),
            settings=build_settings(),
            clusterwide=not self._namespaces,
            namespaces=self._namespaces,
            ready_flag=self.ready,
            # kopf would make one up from the name of the user, and in a container there need not be one.
            identity=Identity(f"tidegate@{socket.gethostname()}"),
        )
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    def _hand_over(self, key: tuple[str, str]) -> None:
        self._outside.call_soon_threadsafe(self._enqueue, key)
