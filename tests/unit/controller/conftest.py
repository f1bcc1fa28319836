"""An event loop whose time passes only when nothing is left to do, and then at once."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest

Result = TypeVar("Result")
Run = Callable[[Coroutine[Any, Any, Result]], Result]


class _Selector(selectors.SelectSelector):
    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("the test waits for something that will never happen")
        if not ready:
            self.now += timeout or 0.0
        return ready


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._clock = _Selector()
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.now


@pytest.fixture
def run() -> Run[Any]:
    """Run a coroutine in such a loop."""

    def in_fake_time(coroutine: Coroutine[Any, Any, Any]) -> Any:
        loop = _Loop()
        try:
            return loop.run_until_complete(coroutine)
        finally:
            loop.close()

    return in_fake_time
