"""Commands of other programs: run, checked, and quoted in the error when they fail."""

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from lab.errors import LabError

TAIL_LINES = 20
# Before a command: it is killed with whoever started it, so that no orphan goes on writing into the cache.
TIED = ("setpriv", "--pdeathsig", "KILL")


def run(
    arguments: Sequence[str | Path],
    *,
    stdin: str | None = None,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
    timeout_seconds: float = 300,
) -> str:
    """Run a command and return what it printed on standard output.

    Raises
    ------
    LabError
        The command is missing, failed, or took longer than `timeout_seconds`.
    """
    command = [str(argument) for argument in arguments]
    try:
        finished = subprocess.run(
            command,
            input=stdin,
            env={**os.environ, **(environment or {})},
            cwd=directory,
            capture_output=True,
            text=True,
            timeout=timeout_seconds,
            check=False,
            stdin=subprocess.DEVNULL if stdin is None else None,
        )
    except FileNotFoundError as error:
        raise LabError(f"{command[0]} was not found; install it or put it on PATH") from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"`{' '.join(command)}` did not finish within {timeout_seconds:.0f} s") from error
    if finished.returncode != 0:
        raise LabError(failure(command, finished.returncode, (finished.stderr or finished.stdout).splitlines()))
    return finished.stdout


def follow(
    arguments: Sequence[str | Path],
    on_line: Callable[[str], None],
    *,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> None:
    """Run a long command and hand every line it prints (standard output and error together) to `on_line`."""
    command = [str(argument) for argument in arguments]
    lines: list[str] = []
    with subprocess.Popen(
        command,
        env={**os.environ, **(environment or {})},
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines = [*lines[-TAIL_LINES:], line.rstrip()]
            on_line(line.rstrip())
    if process.returncode != 0:
        raise LabError(failure(command, process.returncode, lines))


def failure(command: Sequence[str], returncode: int, lines: Sequence[str]) -> str:
    """Return the message for a failed command: the command, its exit code and the last lines it printed."""
    said = "\n".join(f"    {line}" for line in lines[-TAIL_LINES:])
    return f"`{' '.join(command)}` failed with exit code {returncode}:\n{said}"
