"""Programs of a lab: recorded by process id and start time, recognised by a mark in their environment."""

import json
import os
import signal
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from lab.waiting import wait_until

MARK = "TIDEGATE_LAB_MEMBER"
PROC = Path("/proc")
KILL_SECONDS = 30.0


@dataclass(frozen=True)
class Process:
    """A process that cannot be mistaken for another one: ids are reused, a start time under one boot is not."""

    pid: int
    start_ticks: int
    boot: str

    @property
    def alive(self) -> bool:
        """Whether this very process runs (a zombie does not)."""
        return self == read_process(self.pid)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process where it still is the one recorded."""
        if self.alive:
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return


def boot_id() -> str:
    """Return what tells this boot of the machine from others."""
    return (PROC / "sys/kernel/random/boot_id").read_text().strip()


def read_process(pid: int) -> Process | None:
    """Return the process that has this id now, None where there is none or only a zombie."""
    try:
        fields = (PROC / str(pid) / "stat").read_text().rpartition(") ")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else Process(pid, int(fields[19]), boot_id())


class Registry:
    """The recorded processes of one instance, by name, in a file of its state directory."""

    def __init__(self, state: Path) -> None:
        self.file = state / "processes.json"
        self.mark = f"{MARK}={state}"

    def read(self) -> dict[str, Process]:
        """Return the recorded processes, alive or not."""
        if not self.file.is_file():
            return {}
        return {name: Process(**fields) for name, fields in json.loads(self.file.read_text()).items()}

    def record(self, name: str, process: Process) -> None:
        """Add a process."""
        self._write({**self.read(), name: process})

    def forget(self, name: str) -> None:
        """Remove a process that was ended on purpose: nobody misses it."""
        self._write({other: process for other, process in self.read().items() if other != name})

    def _write(self, processes: Mapping[str, Process]) -> None:
        # Replaced whole, so a reader never sees half of it.
        partial = self.file.with_suffix(".partial")
        partial.write_text(json.dumps({key: asdict(value) for key, value in processes.items()}, indent=1))
        partial.rename(self.file)

    def members(self) -> list[Process]:
        """Return all living processes of the instance: the recorded ones, and any that carry its mark.

        The mark finds those started just before whoever started them was killed and could not record them.
        """
        recorded = [process for process in self.read().values() if process.alive]
        return list({process.pid: process for process in [*recorded, *self.marked()]}.values())

    def marked(self) -> list[Process]:
        """Return the living processes that carry the instance's mark in their environment."""
        pids = (int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit())
        found = (read_process(pid) for pid in pids if self.mark in environment_of(pid))
        return [process for process in found if process is not None]

    def kill_all(self) -> None:
        """Kill every member and wait until none is left."""

        def remaining() -> str | None:
            members = self.members()
            for process in members:
                process.send(signal.SIGKILL)
            return f"still running: {[process.pid for process in members]}" if members else None

        wait_until("the end of the lab's processes", remaining, seconds=KILL_SECONDS)


def environment_of(pid: int) -> list[str]:
    """Return NAME=value of a process's environment at its start; empty where it is gone or not ours to read."""
    try:
        return (PROC / str(pid) / "environ").read_bytes().decode(errors="replace").split("\0")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return []
