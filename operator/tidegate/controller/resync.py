"""The second look: what a watch may have missed is found by listing everything now and then.

Every kind is listed once, metadata only, and only those ModelDeployments are queued around which something changed
since the last look. An idle one costs nothing.
"""

import asyncio
import logging
import random
from collections import defaultdict
from collections.abc import Callable, Sequence

from tidegate.api.names import KIND, LABEL_MODELDEPLOYMENT
from tidegate.clients.errors import TidegateError
from tidegate.clients.kube import Kube
from tidegate.controller.handlers import OWNED_KINDS
from tidegate.controller.queue import Key, WorkQueue, backoff

logger = logging.getLogger(__name__)

# Spread over this part of the period, so that a resync is no burst.
SPREAD = 0.1


class Resync:
    """Lists and compares, once a period.

    Parameters
    ----------
    period
        Seconds between two looks.
    draw
        Gives a number in [0, 1): where in the spread a key is put.
    """

    def __init__(
        self,
        kube: Kube,
        queue: WorkQueue,
        *,
        namespaces: Sequence[str] = (),
        period: float = 600.0,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._kube = kube
        self._queue = queue
        self._namespaces: tuple[str | None, ...] = tuple(namespaces) or (None,)
        self._period = period
        self._draw = draw
        self._seen: dict[Key, frozenset[str]] = {}
        self.synced = False

    async def run(self) -> None:
        """Look once a period until cancelled; what fails is tried again soon."""
        failures = 0
        while True:
            try:
                await self.look()
                failures = 0
            except TidegateError as error:
                failures += 1
                logger.warning("resync failed: %s", error)
            await asyncio.sleep(backoff(failures) if failures else self._period)

    async def look(self) -> None:
        """List once and queue what differs from the last time.

        Raises
        ------
        TidegateError
            If a list cannot be had; what was seen before then stays as it was.
        """
        found = await self._list()
        for key, versions in found.items():
            if self._seen.get(key) != versions:
                self._queue.add_after(key, self._draw() * SPREAD * self._period)
        self._seen = found
        self.synced = True

    async def _list(self) -> dict[Key, frozenset[str]]:
        versions: dict[Key, set[str]] = {}
        around: dict[Key, set[str]] = defaultdict(set)
        for namespace in self._namespaces:
            for item in await self._kube.list(KIND, namespace, metadata_only=True):
                metadata = item["metadata"]
                versions[metadata["namespace"], metadata["name"]] = {_version(item)}
            for kind in OWNED_KINDS:
                for item in await self._kube.list(kind, namespace, LABEL_MODELDEPLOYMENT, metadata_only=True):
                    metadata = item["metadata"]
                    around[metadata["namespace"], metadata["labels"][LABEL_MODELDEPLOYMENT]].add(_version(item))
        return {key: frozenset(own | around[key]) for key, own in versions.items()}


def _version(item: dict[str, dict[str, str]]) -> str:
    return f"{item['metadata']['uid']}@{item['metadata']['resourceVersion']}"
