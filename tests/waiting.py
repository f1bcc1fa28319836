"""Waiting for what a test cannot subscribe to."""

import asyncio
import time
from collections.abc import Callable

import pytest

POLL_SECONDS = 0.02


async def until(condition: Callable[[], bool], what: str, seconds: float = 10) -> float:
    """Wait for what another thread or process brings about; gives the seconds that took."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            pytest.fail(f"waited {seconds:g} s in vain until {what}")
        await asyncio.sleep(POLL_SECONDS)
    return time.monotonic() - began
