"""Which of several replicas acts: the one that holds a Lease.

The holder renews the Lease. The others look at it every second, and take it when it was given back, or when it has not
changed for as long as its holder said. Every write of it carries the resourceVersion that was read, so of two who reach
for it one is refused. Wall clocks are never compared: each replica counts from its own last look or renewal, by a clock
of its own that goes on while the process, or the whole machine, is asleep.
"""

import asyncio
import logging
import random
import socket
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol

from tidegate.clients.errors import AlreadyExists, Conflict, LeadershipLost, TidegateError
from tidegate.clients.kinds import KINDS
from tidegate.clients.kube import Kube

logger = logging.getLogger(__name__)

Lease = dict[str, Any]

# A leader that is killed right after a renewal is succeeded at the latest when a standby has seen that renewal (LOOK),
# the Lease has not changed for LEASE since then, it has been read once more and taken, and the watches run (together
# under 2 s): 13 s, and 15 s are allowed.
LEASE_SECONDS = 10
LOOK_SECONDS = 1.0
# The leader stops by itself so long after it *began* its last successful renewal, while others wait for LEASE since
# they *saw* it. The difference is for writes that are on their way and for the end of the process.
LEAD_SECONDS = 7.0
# Two attempts fit in even if the first one, on a connection that is dead, runs into its time-out.
RENEW_SECONDS = 2.0
ATTEMPT_SECONDS = 2.5
RETRY_SECONDS = 0.5
# Giving the Lease back is a courtesy; without it the successor waits for LEASE. A process that ends has 10 s in all.
RELEASE_SECONDS = 1.5
# Every wait is shortened by chance, up to this part, so that replicas do not march in step.
JITTER = 0.2


def asleep_or_not() -> float:
    """Seconds of a clock that nobody sets and that goes on while the machine is suspended, where there is one."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


def new_identity() -> str:
    """A name for this process: the host's, which is the pod's, and chance, for a container started anew is not the old
    one."""
    return f"{socket.gethostname()}_{uuid.uuid4().hex[:8]}"


class Leadership(Protocol):
    """A replica's part in the question who acts."""

    @property
    def leading(self) -> bool:
        """Whether this replica may act at this moment."""

    def check(self) -> None:
        """Raise `LeadershipLost` unless this replica may act at this moment."""

    def trouble(self) -> str | None:
        """One sentence about what keeps this replica from ever leading, None where nothing does."""

    async def acquire(self) -> None:
        """Wait until this replica leads."""

    async def hold(self) -> None:
        """Go on leading until cancelled; raise `LeadershipLost` when that is over, which is then for good."""

    async def release(self) -> None:
        """Lead no longer, so that another replica may at once. To be called when nothing writes any more."""


class Sole:
    """Leads unasked: for a process that is the only one."""

    leading = True

    def check(self) -> None:
        """Let everything pass."""

    def trouble(self) -> str | None:
        """Nothing keeps it from leading."""
        return None

    async def acquire(self) -> None:
        """Lead at once."""

    async def hold(self) -> None:
        """Lead for ever."""
        await asyncio.Event().wait()

    async def release(self) -> None:
        """Nobody waits for it."""


class Elector:
    """Leads while it holds the Lease.

    Parameters
    ----------
    kube
        Client for the Lease alone: without a guard, and with a time-out of `ATTEMPT_SECONDS`.
    namespace, name
        Of the Lease, which is made where there is none.
    clock
        Seconds; must go on while the process is stopped.
    draw
        Gives a number in [0, 1): how much a wait is shortened.
    """

    def __init__(
        self,
        kube: Kube,
        namespace: str,
        name: str,
        *,
        identity: str | None = None,
        clock: Callable[[], float] = asleep_or_not,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self.identity = identity or new_identity()
        self._kube = kube
        self._namespace = namespace
        self._name = name
        self._title = f"Lease {namespace}/{name}"
        self._clock = clock
        self._draw = draw
        self._lease: Lease | None = None
        self._lead_until = float("-inf")
        self._seen: Lease | None = None
        self._free_at = float("-inf")
        self._trouble: str | None = f"the {self._title} has not been read yet"

    @property
    def leading(self) -> bool:
        """Whether the last renewal still holds, by this replica's own clock."""
        return self._clock() < self._lead_until

    def check(self) -> None:
        """Raise unless the last renewal still holds.

        Raises
        ------
        LeadershipLost
            It does not; once `acquire` has returned, it never will again.
        """
        if not self.leading:
            raise LeadershipLost(f"this replica, {self.identity}, does not hold the {self._title}")

    def trouble(self) -> str | None:
        """Why the last look at the Lease failed."""
        return self._trouble

    # ---- standing by -------------------------------------------------------------------------------------------------

    async def acquire(self) -> None:
        """Look at the Lease every second until it can be taken and is."""
        while not await self._attempt():
            until_free = max(self._free_at - self._clock(), 0.0)
            await asyncio.sleep(min(self._shortened(LOOK_SECONDS), until_free or LOOK_SECONDS))
        logger.info("leading: took the %s as %s", self._title, self.identity)

    async def _attempt(self) -> bool:
        began = self._clock()
        try:
            lease = await self._kube.get("Lease", self._namespace, self._name)
            self._look(lease)
            if self._free_at <= began:
                await self._take(lease)
        except (Conflict, AlreadyExists):
            logger.info("another replica took the %s first", self._title)
        except TidegateError as error:
            self._note(str(error))
        else:
            self._note(None)
        return self.leading

    def _look(self, lease: Lease | None) -> None:
        """Note since when the Lease, as just read, has not changed, and when it may be taken therefore."""
        if lease is None and self._seen:
            # Deleted, which is not given back: its holder makes it anew.
            return
        spec = (lease or {}).get("spec") or {}
        holder = spec.get("holderIdentity")
        if not holder or holder == self.identity:
            self._free_at = float("-inf")
        elif spec != self._seen:
            if holder != (self._seen or {}).get("holderIdentity"):
                logger.info("standing by: %s holds the %s", holder, self._title)
            self._free_at = self._clock() + float(spec.get("leaseDurationSeconds") or LEASE_SECONDS)
        self._seen = spec

    def _note(self, trouble: str | None) -> None:
        if trouble is not None and trouble != self._trouble:
            logger.warning("cannot take part in the election: %s", trouble)
        self._trouble = trouble

    async def _take(self, lease: Lease | None) -> None:
        began = self._clock()
        self._lease = await self._kube.replace(self._claim(lease))
        self._lead_until = began + LEAD_SECONDS

    # ---- leading -----------------------------------------------------------------------------------------------------

    async def hold(self) -> None:
        """Renew the Lease until cancelled.

        Raises
        ------
        LeadershipLost
            Another replica has it, or it could not be renewed in time.
        """
        pause = RENEW_SECONDS
        while True:
            left = max(self._lead_until - self._clock(), 0.0)
            await asyncio.sleep(min(self._shortened(pause), left))
            self._require_in_time()
            pause = RENEW_SECONDS if await self._renew() else RETRY_SECONDS

    def _require_in_time(self) -> None:
        if not self.leading:
            late = self._clock() - self._lead_until + LEAD_SECONDS
            raise LeadershipLost(
                f"the {self._title} was last renewed {late:.1f} s ago, expected every {RENEW_SECONDS:g} s "
                f"and {LEAD_SECONDS:g} s at most: another replica may have it by now"
            )

    async def _renew(self) -> bool:
        began = self._clock()
        try:
            async with asyncio.timeout(self._lead_until - began):
                stored = await self._renewed()
        except LeadershipLost:
            raise
        except (TidegateError, TimeoutError) as error:
            left = max(self._lead_until - self._clock(), 0.0)
            words = str(error) or "no answer in time"
            logger.warning("the %s could not be renewed, %.1f s are left: %s", self._title, left, words)
            return False
        # The answer may have come after the time had run out: writes were refused by then.
        self._require_in_time()
        self._lease, self._lead_until = stored, began + LEAD_SECONDS
        return True

    async def _renewed(self) -> Lease:
        try:
            return await self._kube.replace(self._claim(self._lease))
        except (Conflict, AlreadyExists):
            # A renewal of ours that was thought lost, a label set by a person, or another replica.
            self._lease = await self._still_mine()
            return await self._kube.replace(self._claim(self._lease))

    async def _still_mine(self) -> Lease | None:
        lease = await self._kube.get("Lease", self._namespace, self._name)
        holder = ((lease or {}).get("spec") or {}).get("holderIdentity") or "nobody"
        if lease is not None and holder != self.identity:
            self._lead_until = float("-inf")
            raise LeadershipLost(f"{holder} holds the {self._title}, expected this replica, {self.identity}")
        return lease

    # ---- leaving -----------------------------------------------------------------------------------------------------

    async def release(self) -> None:
        """Give the Lease back, so that a replica that stands by takes it at its next look."""
        if not self.leading:
            return
        self._lead_until = float("-inf")
        try:
            async with asyncio.timeout(RELEASE_SECONDS):
                await self._give_back()
        except (TidegateError, TimeoutError) as error:
            words = str(error) or "no answer in time"
            logger.warning("the %s was not given back, a successor waits %d s: %s", self._title, LEASE_SECONDS, words)
        else:
            logger.info("gave the %s back", self._title)

    async def _give_back(self) -> None:
        try:
            await self._kube.replace(self._claim(self._lease, holder=""))
        except (Conflict, AlreadyExists):
            self._lease = await self._still_mine()
            await self._kube.replace(self._claim(self._lease, holder=""))

    # ---- the document ------------------------------------------------------------------------------------------------

    def _claim(self, lease: Lease | None, holder: str | None = None) -> Lease:
        """The Lease as read, held by this replica (or by `holder`) from now on; its times are for people only."""
        present: Lease = lease or {"metadata": {"namespace": self._namespace, "name": self._name}}
        before = present.get("spec") or {}
        holder = self.identity if holder is None else holder
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = {**before, "holderIdentity": holder, "leaseDurationSeconds": LEASE_SECONDS, "renewTime": now}
        if holder and holder != before.get("holderIdentity"):
            transitions = before.get("leaseTransitions") or 0
            spec |= {"acquireTime": now, "leaseTransitions": transitions + (1 if before else 0)}
        return {
            "apiVersion": KINDS["Lease"].api_version,
            "kind": KINDS["Lease"].name,
            "metadata": present["metadata"],
            "spec": spec,
        }

    def _shortened(self, seconds: float) -> float:
        return seconds * (1.0 - JITTER * self._draw())
