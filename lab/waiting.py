"""Waiting for a condition, with a deadline and a word about what was still missing."""

import time
from collections.abc import Callable

from lab.errors import LabError

POLL_SECONDS = 0.1


def wait_until(what: str, missing: Callable[[], str | None], *, seconds: float) -> None:
    """Poll `missing` until it returns None.

    Parameters
    ----------
    what
        Names the thing waited for, for the error message.
    missing
        Returns what is still missing, or None once nothing is.

    Raises
    ------
    LabError
        `seconds` have passed and something is still missing.
    """
    deadline = time.monotonic() + seconds
    while (reason := missing()) is not None:
        if time.monotonic() > deadline:
            raise LabError(f"{what}: not there after {seconds:.0f} s; {reason}")
        time.sleep(POLL_SECONDS)
