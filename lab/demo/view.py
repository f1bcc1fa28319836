"""What the demo shows while it runs: a live panel on a terminal, a line when something changed elsewhere."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from lab.load import Record
from tidegate.api.status import ModelDeploymentStatus, Slot

WHOLE = 1_000_000
RECENT_SECONDS = 5.0
QUIET_SECONDS = 5.0
MESSAGE_LENGTH = 160


@dataclass(frozen=True)
class Backend:
    """One slot of the route as it is now: its revision, weight in parts per million, and the client's counts."""

    letter: str
    revision: str
    role: str
    weight: int
    ready: str
    requests: int
    failed: int
    rate: float


@dataclass(frozen=True)
class Frame:
    """One moment of the demo."""

    title: str
    seconds: float
    step: str
    backends: tuple[Backend, ...]
    decision: str
    message: str

    def line(self) -> str:
        """Return the frame as one line of text."""
        slots = "  ".join(
            f"{each.letter}={each.role or '-'} {percent(each.weight)} {each.requests} requests {each.failed} failed"
            for each in self.backends
        )
        return f"{self.seconds:5.0f} s  {slots}  {self.step}  {self.decision}".rstrip()

    def key(self) -> tuple[object, ...]:
        """Return what makes a frame worth a line of its own; counts alone do not."""
        return (self.title, self.step, self.decision, *((each.role, each.weight) for each in self.backends))


def make_frame(title: str, seconds: float, status: ModelDeploymentStatus, records: Sequence[Record]) -> Frame:
    """Combine the object's status with the client's counts of the stage."""
    now = time.time()
    counts = Counter(record.revision for record in records)
    failed = Counter(record.revision for record in records if record.failure)
    recent = Counter(record.revision for record in records if record.start > now - RECENT_SECONDS)
    known = {entry.name: entry for entry in status.revisions}

    def backend(letter: str, slot: Slot) -> Backend:
        name = slot.revision or ""
        entry = known.get(name)
        return Backend(
            letter=letter,
            revision=name,
            role=entry.role.lower() if entry else "",
            weight=slot.weight,
            ready=f"{entry.ready_replicas}/{entry.replicas}" if entry else "",
            requests=counts[name],
            failed=failed[name],
            rate=recent[name] / RECENT_SECONDS,
        )

    ready = next((condition.message for condition in status.conditions if condition.type == "Ready"), "")
    return Frame(
        title=title,
        seconds=seconds,
        step=step_text(status),
        backends=(backend("a", status.slots.a), backend("b", status.slots.b)),
        decision=decision_text(status),
        message=status.rollout.message if status.rollout else ready,
    )


def step_text(status: ModelDeploymentStatus) -> str:
    """Return where the rollout stands, empty outside one."""
    rollout = status.rollout
    if rollout is None:
        return ""
    return f"step {rollout.step_name}" if rollout.phase == "Stepping" else rollout.phase.lower()


def decision_text(status: ModelDeploymentStatus) -> str:
    """Return the last decision in words; during a rollout the last about its candidate."""
    candidate = status.rollout.revision if status.rollout else None
    decisions = [decision for decision in status.decisions if candidate in {None, decision.revision}]
    if not decisions:
        return ""
    last = decisions[-1]
    text = f"{last.verdict} {last.reason}: {last.message}" if last.message else f"{last.verdict} {last.reason}"
    return text if len(text) <= MESSAGE_LENGTH else text[: MESSAGE_LENGTH - 1] + "…"


def percent(weight: int) -> str:
    """Return parts per million as a percentage; a trace is told from nothing."""
    if 0 < weight < WHOLE / 1000:
        return "<0.1 %"
    return f"{weight * 100 / WHOLE:.3g} %"


def panel(frame: Frame) -> RenderableType:
    """Return the frame as a panel."""
    table = Table(expand=True, box=None)
    for name, justify in (("slot", "left"), ("revision", "left"), ("role", "left"), ("pods", "right")):
        table.add_column(name, justify="right" if justify == "right" else "left")
    table.add_column("weight", justify="right")
    table.add_column("", ratio=1)
    for name in ("requests/s", "requests", "failed"):
        table.add_column(name, justify="right")
    for each in frame.backends:
        table.add_row(
            each.letter,
            each.revision or "-",
            each.role,
            each.ready,
            percent(each.weight),
            ProgressBar(total=WHOLE, completed=each.weight),
            f"{each.rate:.1f}",
            f"{each.requests:,}",
            Text(f"{each.failed:,}", style="bold red" if each.failed else ""),
        )
    words = Text.assemble(("step      ", "dim"), frame.step, "\n", ("verdict   ", "dim"), frame.decision)
    words.append("\n")
    words.append_text(Text.assemble(("now       ", "dim"), frame.message))
    return Panel(Group(table, words), title=f"{frame.title}   {frame.seconds:.0f} s", border_style="cyan")


class View:
    """Shows frames: live on a terminal; elsewhere a line for each change and at least one every few seconds."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.live = Live(console=console, auto_refresh=False) if console.is_terminal else None
        self.shown_key: tuple[object, ...] = ()
        self.shown_at = float("-inf")

    def __enter__(self) -> Self:
        if self.live:
            self.live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.live:
            self.live.stop()

    def show(self, frame: Frame) -> None:
        """Show one frame."""
        if self.live:
            self.live.update(panel(frame), refresh=True)
        elif frame.key() != self.shown_key or frame.seconds - self.shown_at >= QUIET_SECONDS:
            self.console.print(frame.line(), markup=False, highlight=False, soft_wrap=True)
            self.shown_key, self.shown_at = frame.key(), frame.seconds
