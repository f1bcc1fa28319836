"""Open-loop HTTP load with keep-alive connections, counted at the client.

Requests start when their time has come, whether or not earlier ones were answered, and latency runs from that planned
start, so a slow server cannot hide behind a client that waits for it. Use it in a test::

    async with Load("http://10.96.0.7/v2/models/m/infer", host="m.example.com", body=body, rate=50) as load:
        ...
    print(load.summary())

or from a shell: ``python -m lab.load --url http://10.96.0.7/ --host m.example.com --rate 50 --seconds 60``.
Only addresses of this machine (loopback and the lab's networks) are accepted, and every load ends by itself.
"""

import argparse
import asyncio
import contextlib
import dataclasses
import ipaddress
import itertools
import json
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp
import yarl

REVISION_HEADER = "x-model-revision"
UNKNOWN_REVISION = ""
"""Revision of a request whose answer did not name one: no answer, or one the gateway gave by itself."""
ALLOWED_NETWORKS = tuple(
    ipaddress.ip_network(text) for text in ("127.0.0.0/8", "::1/128", "10.90.0.0/16", "10.96.0.0/16", "10.244.0.0/16")
)


class Failure(StrEnum):
    """Why a request counts as failed."""

    TIMEOUT = "timeout"
    CONNECTION = "connection"
    SERVER_ERROR = "5xx"
    CLIENT_ERROR = "4xx"
    NOT_SENT = "not sent"
    """The client had ``concurrency`` requests under way already: the load is not what was asked for."""


class Arrivals(StrEnum):
    """How the planned starts are spread."""

    POISSON = "poisson"
    EVEN = "even"


@dataclass(frozen=True, slots=True)
class Record:
    """One request: planned start (seconds since the epoch), seconds it took, and how it ended."""

    start: float
    seconds: float
    status: int | None
    revision: str
    failure: Failure | None


@dataclass(frozen=True)
class RevisionCounts:
    """Requests one revision answered, and how many of those failed."""

    requests: int
    failed: int


@dataclass(frozen=True)
class Summary:
    """Counts of the finished requests of a span of time. Latencies in milliseconds, of answered requests only."""

    requests: int = 0
    failed: int = 0
    failures: Mapping[str, int] = field(default_factory=dict)
    statuses: Mapping[int, int] = field(default_factory=dict)
    revisions: Mapping[str, RevisionCounts] = field(default_factory=dict)
    seconds: float = 0.0
    p50_milliseconds: float | None = None
    p99_milliseconds: float | None = None

    @property
    def lost(self) -> int:
        """Failed requests that no revision answered: lost between client and model, not failed by a model."""
        unknown = self.revisions.get(UNKNOWN_REVISION)
        return unknown.failed if unknown else 0

    def failed_by(self, revision: str) -> int:
        """Failed requests that this revision answered."""
        counts = self.revisions.get(revision)
        return counts.failed if counts else 0


def summarize(records: Sequence[Record]) -> Summary:
    """Count records by failure, status and revision."""
    if not records:
        return Summary()
    totals = Counter(record.revision for record in records)
    failed = Counter(record.revision for record in records if record.failure)
    latencies = sorted(record.seconds * 1000 for record in records if record.status is not None)
    return Summary(
        requests=len(records),
        failed=failed.total(),
        failures=dict(Counter(str(record.failure) for record in records if record.failure)),
        statuses=dict(Counter(record.status for record in records if record.status is not None)),
        revisions={name: RevisionCounts(count, failed[name]) for name, count in totals.items()},
        seconds=max(record.start + record.seconds for record in records) - min(record.start for record in records),
        p50_milliseconds=_quantile(latencies, 0.5),
        p99_milliseconds=_quantile(latencies, 0.99),
    )


def _quantile(ordered: Sequence[float], share: float) -> float | None:
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else None


def require_local(url: str) -> None:
    """Refuse a URL whose host is not a literal address of this machine or its lab.

    Raises
    ------
    ValueError
        for any other host; names other than localhost are refused because they may resolve to anything.
    """
    host = yarl.URL(url).host or ""
    with contextlib.suppress(ValueError):
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
        if any(address in network for network in ALLOWED_NETWORKS):
            return
    allowed = ", ".join(str(network) for network in ALLOWED_NETWORKS)
    raise ValueError(
        f"load goes to this machine only: found host {host!r} in {url!r}; give an address within {allowed}"
    )


class Load:
    """Load on one URL from entering the context to leaving it, at most ``max_seconds``.

    Parameters
    ----------
    url
        Where each request is POSTed; an address of this machine, see `require_local`.
    host
        Host header, for a gateway that routes by host name; default the URL's own.
    body, headers
        Sent with every request.
    rate
        Mean requests per second.
    arrivals
        Poisson (as independent users send) or even spacing.
    concurrency
        Most requests under way at once, and most connections; further ones are recorded as not sent.
    timeout_seconds
        After which a request is given up and recorded as a time-out.
    seed
        Of the arrival times; default random.
    """

    def __init__(
        self,
        url: str,
        *,
        host: str | None = None,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        rate: float = 50,
        arrivals: Arrivals = Arrivals.POISSON,
        concurrency: int = 64,
        timeout_seconds: float = 10,
        max_seconds: float = 3600,
        seed: int | None = None,
    ) -> None:
        require_local(url)
        if not 0 < rate <= 10_000:
            raise ValueError(f"rate must lie above 0 and up to 10000 requests per second, found {rate}")
        self.url = url
        self.body = body
        self.headers = {**(headers or {}), **({"Host": host} if host else {})}
        self.rate = rate
        self.arrivals = arrivals
        self.concurrency = concurrency
        self.timeout_seconds = timeout_seconds
        self.max_seconds = max_seconds
        self.records: list[Record] = []
        self._random = random.Random(seed)
        self._under_way: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None
        self._sender: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(limit=self.concurrency, keepalive_timeout=60)
        timeout = aiohttp.ClientTimeout(total=self.timeout_seconds)
        self._session = aiohttp.ClientSession(connector=connector, timeout=timeout)
        self._sender = asyncio.create_task(self._send_all())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Start no more requests, let those under way end (at most their time-out), close the connections."""
        if self._session is None or self._sender is None:
            return
        self._sender.cancel()
        await asyncio.gather(self._sender, *self._under_way, return_exceptions=True)
        await self._session.close()
        self._session = self._sender = None

    async def wait(self) -> None:
        """Wait until ``max_seconds`` are over and every request has ended."""
        if self._sender is not None:
            await asyncio.gather(self._sender, return_exceptions=True)
        await self.stop()

    def summary(self, since: float = 0, until: float = float("inf")) -> Summary:
        """Counts of the finished requests whose planned start (seconds since the epoch) lies in [since, until)."""
        return summarize([record for record in self.records if since <= record.start < until])

    async def _send_all(self) -> None:
        clock = asyncio.get_running_loop().time
        begin = clock()
        epoch = time.time() - begin
        for offset in itertools.takewhile(lambda seconds: seconds < self.max_seconds, self._offsets()):
            if (delay := begin + offset - clock()) > 0:
                await asyncio.sleep(delay)
            self._start(begin + offset, epoch)

    def _offsets(self) -> Iterator[float]:
        if self.arrivals is Arrivals.EVEN:
            return (number / self.rate for number in itertools.count())
        return itertools.accumulate(self._random.expovariate(self.rate) for _ in itertools.count())

    def _start(self, planned: float, epoch: float) -> None:
        if len(self._under_way) >= self.concurrency:
            self.records.append(Record(planned + epoch, 0.0, None, UNKNOWN_REVISION, Failure.NOT_SENT))
            return
        task = asyncio.create_task(self._send(planned, epoch))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _send(self, planned: float, epoch: float) -> None:
        status, revision, failure = await self._exchange()
        seconds = asyncio.get_running_loop().time() - planned
        self.records.append(Record(planned + epoch, seconds, status, revision, failure))

    async def _exchange(self) -> tuple[int | None, str, Failure | None]:
        assert self._session is not None
        try:
            async with self._session.post(self.url, data=self.body, headers=self.headers) as response:
                revision = response.headers.get(REVISION_HEADER, UNKNOWN_REVISION)
                await response.read()
                return response.status, revision, _failure(response.status)
        except TimeoutError:
            return None, UNKNOWN_REVISION, Failure.TIMEOUT
        except aiohttp.ClientError:
            return None, UNKNOWN_REVISION, Failure.CONNECTION


def _failure(status: int) -> Failure | None:
    if status >= 500:
        return Failure.SERVER_ERROR
    return Failure.CLIENT_ERROR if status >= 400 else None


class Requests:
    """Open-loop load in a thread of its own, so that a test can wait for the cluster meanwhile."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._stop = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._send())

    async def _send(self) -> None:
        async with self._load:
            await self._stop.wait()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(timeout=60)
        assert not self._thread.is_alive(), "the load did not end"

    @property
    def records(self) -> list[Record]:
        """The requests that have ended."""
        return self._load.records

    @property
    def summary(self) -> Summary:
        """Counts of the requests that have ended."""
        return self._load.summary()

    def since(self, moment: float) -> Summary:
        """The same of those whose planned start lies after `moment` (seconds since the epoch)."""
        return self._load.summary(since=moment)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m lab.load", description="HTTP load on an address of this machine")
    parser.add_argument("--url", required=True, help="where each request is POSTed")
    parser.add_argument("--host", help="Host header")
    parser.add_argument("--body", type=Path, help="file sent with every request")
    parser.add_argument("--header", action="append", default=[], metavar="NAME:VALUE", help="may be given often")
    parser.add_argument("--rate", type=float, default=50, help="requests per second (default 50)")
    parser.add_argument("--seconds", type=float, default=60, help="how long (default 60)")
    parser.add_argument("--arrivals", type=Arrivals, choices=list(Arrivals), default=Arrivals.POISSON)
    parser.add_argument("--concurrency", type=int, default=64, help="most requests under way (default 64)")
    parser.add_argument("--timeout", type=float, default=10, help="seconds until a request is given up (default 10)")
    return parser


async def _run(options: argparse.Namespace) -> Summary:
    headers = dict(text.split(":", 1) for text in options.header)
    load = Load(
        options.url,
        host=options.host,
        body=options.body.read_bytes() if options.body else b"",
        headers={name.strip(): value.strip() for name, value in headers.items()},
        rate=options.rate,
        arrivals=options.arrivals,
        concurrency=options.concurrency,
        timeout_seconds=options.timeout,
        max_seconds=options.seconds,
    )
    async with load:
        await load.wait()
    return load.summary()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the load and print its summary as JSON."""
    options = _parser().parse_args(arguments)
    try:
        summary = asyncio.run(_run(options))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(dataclasses.asdict(summary), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
