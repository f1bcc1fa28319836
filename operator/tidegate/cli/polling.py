"""Looking again and again."""

import sys
import time
from collections.abc import Iterator

from tidegate.cli.cluster import Cluster
from tidegate.cli.errors import DID_NOT_HAPPEN, CommandError, NoAnswerError
from tidegate.cli.view import parse
from tidegate.rollout.resource import Resource

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


def observed(cluster: Cluster, name: str, timeout: float | None, every: float) -> Iterator[Resource]:
    """Yield a ModelDeployment again and again until `timeout` is over.

    Once it was read, a cluster that does not answer for a while is waited for.

    Raises
    ------
    CommandError
        If there is none, or it is deleted meanwhile (exit code 1).
    """
    found = silent = False
    for _ in looks(timeout, every):
        try:
            body = cluster.deployment(name)
        except NoAnswerError as error:
            if not found:
                raise
            if not silent:
                print(f"tidegate: {error} It is asked again", file=sys.stderr)
            silent = True
            continue
        except CommandError as error:
            if not found:
                raise
            raise CommandError(f"{name} is gone: {error}", code=DID_NOT_HAPPEN) from error
        found, silent = True, False
        yield parse(body)
