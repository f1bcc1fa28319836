"""Only what is a lab's own is ever killed."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab.processes import MARK, Process, Registry, read_process


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def own_process() -> Process:
    process = read_process(os.getpid())
    assert process is not None
    return process


def test_a_recorded_process_is_read_back(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    registry.record("one", own_process())
    registry.record("two", replace(own_process(), start_ticks=1))

    assert Registry(tmp_path).read() == {"one": own_process(), "two": replace(own_process(), start_ticks=1)}
    assert registry.read()["one"].alive


def test_a_process_that_was_forgotten_is_not_missed(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    registry.record("one", own_process())
    registry.record("ended", replace(own_process(), start_ticks=1))

    registry.forget("ended")

    assert registry.read() == {"one": own_process()}


@pytest.mark.parametrize("stale", [{"start_ticks": 1}, {"boot": "an earlier one"}])
def test_a_process_with_a_reused_id_is_spared(
    tmp_path: Path, sleeper: subprocess.Popen[bytes], stale: dict[str, object]
) -> None:
    present = read_process(sleeper.pid)
    assert present is not None
    registry = Registry(tmp_path)
    registry.record("gone", replace(present, **stale))  # type: ignore[arg-type]

    registry.kill_all()

    assert sleeper.poll() is None
    assert not registry.read()["gone"].alive


def test_recorded_and_marked_processes_are_killed(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    registry = Registry(tmp_path)
    present = read_process(sleeper.pid)
    assert present is not None
    registry.record("recorded", present)
    environment = {**os.environ, MARK: str(tmp_path)}
    with subprocess.Popen(["sleep", "60"], env=environment) as marked:
        registry.kill_all()
        assert marked.wait(timeout=10) < 0
    assert sleeper.wait(timeout=10) < 0


def test_a_zombie_is_not_alive() -> None:
    process = subprocess.Popen(["true"])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)

    assert read_process(process.pid) is None
    process.wait()
