"""Looking again and again."""

import time
from collections.abc import Iterator

sleep = time.sleep
monotonic = time.monotonic


def looks(timeout: float | None, every: float) -> Iterator[float]:
    """Yield the seconds passed, at once and then every so many seconds, a last time when `timeout` is over."""
    started = monotonic()
    while True:
        passed = monotonic() - started
        yield passed
        if timeout is not None and passed >= timeout:
            return
        sleep(every if timeout is None else max(0.0, min(every, timeout - passed)))
