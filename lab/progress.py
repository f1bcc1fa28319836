"""What the user sees of a running command: one line per step, with its seconds."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape

HEARTBEAT_SECONDS = 60.0
NOTE_LENGTH = 60


class Step:
    """One step being shown; `note` says what it is doing just now, `cached` that there was nothing to do."""

    def __init__(self, reporter: "Reporter", name: str) -> None:
        self.reporter = reporter
        self.name = name
        self.started = time.monotonic()
        self.last_shown = self.started
        self.suffix = ""
        self.noted = ""

    def note(self, text: str) -> None:
        """Show `text` beside the step; without a terminal at most once a minute."""
        self.noted = text[:NOTE_LENGTH]
        if self.reporter.live is not None:
            self.reporter.show()
        elif time.monotonic() - self.last_shown > HEARTBEAT_SECONDS:
            self.last_shown = time.monotonic()
            self.reporter.line(f"{self.name}: {text} ({self.last_shown - self.started:.0f} s so far)")

    def cached(self) -> None:
        """Mark the step as answered from the cache."""
        self.suffix = " (cached)"


class Reporter:
    """Prints steps: a spinner while they run on a terminal, one plain line each when they end elsewhere.

    Steps may run beside each other, each in a thread of its own.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.console = Console(quiet=quiet, highlight=False)
        self.live = self.console.status("") if self.console.is_terminal else None
        self.lock = threading.Lock()
        self.running: list[Step] = []

    def line(self, text: str) -> None:
        """Print one line."""
        with self.lock:
            self.console.print(text, markup=False, soft_wrap=True)

    def show(self) -> None:
        """Show what runs beside the spinner, on a terminal; no spinner where nothing runs."""
        if self.live is None:
            return
        with self.lock:
            if not self.running:
                self.live.stop()
                return
            shown = [f"{escape(step.name)} [dim]{escape(step.noted)}[/dim]" for step in self.running]
            self.live.update("; ".join(shown))
            self.live.start()

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Show a step while the body runs."""
        step = Step(self, name)
        self.running.append(step)
        self.show()
        try:
            yield step
        except BaseException:
            self.line(f"failed {name} after {time.monotonic() - step.started:.1f} s")
            raise
        finally:
            self.running.remove(step)
            self.show()
        self.line(f"{time.monotonic() - step.started:6.1f} s  {name}{step.suffix}")
