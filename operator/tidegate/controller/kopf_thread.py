"""One run of kopf in a thread and an event loop of its own."""

import asyncio
import logging
import socket
import threading
import time
from typing import Any

import kopf
from kopf._core.engines.peering import Identity

from tidegate.controller.handlers import Enqueue, Login, build_registry, build_settings

logger = logging.getLogger(__name__)

# A watch that is just being opened may take a cancellation for the pause kopf knows, and open another one.
CANCEL_ROUNDS = 5
CANCEL_SECONDS = 1.0
PAUSE_WAITERS = "pause-waiter"


class KopfThread:
    """Watches until it is stopped or fails.

    Parameters
    ----------
    enqueue
        Called in the event loop this object was made in.

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
        self._attempted_at = time.monotonic()

    @property
    def standstill(self) -> float:
        """Seconds since kopf last sent a request."""
        return time.monotonic() - self._attempted_at

    def start(self) -> asyncio.Future[BaseException | None]:
        """Start the thread; the future gives what ended it, None for a regular end."""
        threading.Thread(target=self._main, name="kopf", daemon=True).start()
        return self._ended

    def stop(self) -> None:
        """Ask the thread to end; what it still sees goes nowhere."""
        self._stopped = True
        self.ready.clear()
        if self._inside is not None and self._operator is not None and not self._inside.is_closed():
            self._inside.call_soon_threadsafe(self._operator.cancel)

    def _main(self) -> None:
        # Not asyncio.run(): that waits without end for tasks that will not be cancelled.
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(self._run())
        finally:
            loop.close()

    async def _run(self) -> None:
        self._operator = asyncio.create_task(self._operate())
        self._inside = asyncio.get_running_loop()
        self._inside.set_exception_handler(self._report)
        if self._stopped:
            self._operator.cancel()
        (outcome,) = await asyncio.gather(self._operator, return_exceptions=True)
        self._stopped = True
        if not self._outside.is_closed():
            self._outside.call_soon_threadsafe(self._finish, outcome)
        await self._cancel_what_is_left()

    async def _operate(self) -> None:
        # Not kopf.operator(): when a watch fails, it waits five seconds for the others to end by themselves.
        tasks = await kopf.spawn_tasks(
            registry=build_registry(self._kinds, self._hand_over, self._login),
            settings=build_settings(self._attempted),
            clusterwide=not self._namespaces,
            namespaces=self._namespaces,
            ready_flag=self.ready,
            # kopf would make one up from the name of the user, and in a container there need not be one.
            identity=Identity(f"tidegate@{socket.gethostname()}"),
        )
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    async def _cancel_what_is_left(self) -> None:
        left: set[asyncio.Task[Any]] = set()
        for _ in range(CANCEL_ROUNDS):
            left = asyncio.all_tasks() - {asyncio.current_task()}
            if not left:
                return
            for task in left:
                if not task.get_name().startswith(PAUSE_WAITERS):
                    task.cancel()
            await asyncio.wait(left, timeout=CANCEL_SECONDS)
        logger.warning("kopf left %d tasks behind", len(left))

    def _finish(self, outcome: BaseException | None) -> None:
        if not self._ended.done():
            self._ended.set_result(outcome)

    def _hand_over(self, key: tuple[str, str]) -> None:
        if not self._stopped:
            self._outside.call_soon_threadsafe(self._enqueue, key)

    def _attempted(self) -> None:
        self._attempted_at = time.monotonic()

    def _report(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if self._stopped:
            # kopf trips over itself when its streams are cancelled while they connect.
            logger.debug("while kopf ends: %s", context.get("message"), exc_info=context.get("exception"))
        else:
            loop.default_exception_handler(context)
