"""Process, mount and network namespaces of a lab: what runs and is mounted inside ends with their first process."""

import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from lab.errors import LabError
from lab.instance import Instance
from lab.processes import MARK, Registry, read_process
from lab.shell import failure, run

HOLDER = "namespaces"

# The shell forks the holder, which is process 1 of the new process namespace, and prints its id as the host sees it.
# Its standard output is closed by the final exec only, so whoever reads it to the end knows that all is mounted.
HOLD = """
set -eu
(
  mount -t proc proc /proc
  mount -t tmpfs tmpfs /run
  mkdir -p "$STATE/var-log"
  mount --bind "$STATE/var-log" /var/log
  mount --make-rshared /
  exec "$PAUSE" >/dev/null 2>&1 </dev/null
) &
echo $!
"""
SPAWN = """
log=$1; shift
"$@" >>"$log" 2>&1 </dev/null &
echo $!
"""


class Namespaces:
    """The namespaces of one instance and the programs in them.

    Killing the holder ends every process inside, whatever started it; with the last of them go all mounts, the network
    and its links. So nothing of a lab outlives it, even when it is killed half-way.
    """

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.registry = Registry(instance.state)

    def create(self, pause: Path) -> None:
        """Make the namespaces: processes and mounts always, a network where the instance has a node."""
        kinds = ["--mount", "--pid", *(["--net"] if self.instance.has_node else [])]
        environment = {"STATE": str(self.instance.state), "PAUSE": str(pause)}
        self._start(HOLDER, ["unshare", *kinds, "--propagation", "private", "sh", "-c", HOLD], environment)

    def spawn(self, name: str, command: Sequence[str]) -> None:
        """Start a program inside; its output goes to logs/NAME.log."""
        log = self.instance.logs / f"{name}.log"
        self._start(name, [*self._enter("--no-fork"), "sh", "-c", SPAWN, "sh", str(log), *command], {})

    def require_alive(self) -> None:
        """Raise a LabError with the last lines of its log where a started program has ended."""
        for name, process in self.registry.read().items():
            if not process.alive:
                log = self.instance.logs / f"{name}.log"
                last = log.read_text(errors="replace").splitlines()[-5:] if log.is_file() else []
                raise LabError("\n    ".join([f"{name} has ended; the end of {log}:", *last]))

    def run(self, command: Sequence[str | Path], *, stdin: str | None = None, timeout_seconds: float = 300) -> str:
        """Run a command inside to its end and return its standard output."""
        return run([*self._enter(), *command], stdin=stdin, timeout_seconds=timeout_seconds)

    @contextmanager
    def feed(self, command: Sequence[str | Path]) -> Iterator[IO[bytes]]:
        """Run a command inside on what the body writes to the stream it gets."""
        arguments = [*self._enter(), *map(str, command)]
        with (
            tempfile.TemporaryFile("w+") as errors,
            subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors) as process,
        ):
            assert process.stdin is not None
            broken = False
            try:
                yield process.stdin
                process.stdin.close()
            except BrokenPipeError:
                broken = True
            if process.wait() != 0 or broken:
                errors.seek(0)
                raise LabError(failure(arguments, process.returncode, errors.read().splitlines()))

    def execute(self, command: Sequence[str]) -> None:
        """Replace this process by a command inside."""
        enter = [*self._enter(), *command]
        os.execvp(enter[0], enter)

    @property
    def holder(self) -> int:
        """The process id of the first process inside, as the host sees it."""
        process = self.registry.read().get(HOLDER)
        if process is None or not process.alive:
            raise LabError(f"lab {self.instance.name} is not running; start it with `python -m lab up`")
        return process.pid

    def _enter(self, *options: str) -> list[str]:
        network = ["--net"] if self.instance.has_node else []
        return ["nsenter", "--target", str(self.holder), "--mount", "--pid", *network, *options, "--"]

    def _start(self, name: str, command: Sequence[str], environment: dict[str, str]) -> None:
        started = subprocess.run(
            command,
            env={**os.environ, **environment, MARK: str(self.instance.state)},
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            start_new_session=True,
            timeout=30,
        )
        process = read_process(int(started.stdout)) if started.stdout.strip().isdigit() else None
        if started.returncode != 0 or process is None:
            reason = failure(command, started.returncode, started.stderr.splitlines())
            raise LabError(f"{name} did not start (its log, if any, is in {self.instance.logs}): {reason}")
        self.registry.record(name, process)
