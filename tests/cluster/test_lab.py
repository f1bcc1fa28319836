"""The lab itself: it comes up, survives being killed at any point, and leaves nothing behind.

All of this runs on labs of its own names, beside those the other tests use.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import lab
from lab.builds import kubernetes_programs
from lab.cache import cache_root
from lab.cgroups import hierarchies
from lab.images import BASE_IMAGE
from lab.instance import Instance
from lab.kubectl import Kubectl
from lab.lifecycle import clean
from lab.namespaces import HOLDER
from lab.processes import PROC, Process, Registry, read_process
from lab.progress import Reporter
from lab.waiting import wait_until

REPOSITORY = Path(__file__).parents[2]
CONTROL_PLANE = Instance("labtest", "control-plane")
FULL = Instance("labtest-full", "full")

pytestmark = [
    pytest.mark.skipif(os.environ.get("LAB") == "external", reason="LAB=external: the cluster is not ours to kill"),
    pytest.mark.timeout(600),
]


@pytest.fixture(autouse=True, scope="module")
def _no_labs_left() -> Iterator[None]:
    yield
    for instance in (CONTROL_PLANE, FULL):
        clean(instance)


def up(instance: Instance) -> lab.Lab:
    return lab.up(instance.flavour, name=instance.name)


def processes_inside(instance: Instance) -> list[Process]:
    """Return every process of the lab's process namespace, and those of its pods, which have their own."""
    holder = Registry(instance.state).read()[HOLDER].pid
    namespace = (PROC / str(holder) / "ns/pid").readlink()
    pids = [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]
    found = [read_process(pid) for pid in pids if belongs(pid, namespace, instance.cgroup)]
    return [process for process in found if process is not None]


def belongs(pid: int, namespace: Path, cgroup: str) -> bool:
    try:
        process = PROC / str(pid)
        return (process / "ns/pid").readlink() == namespace or f"/{cgroup}/" in (process / "cgroup").read_text()
    except OSError:
        return False


def command_of(process: Process) -> bytes:
    return (PROC / str(process.pid) / "cmdline").read_bytes()


def mounts() -> list[str]:
    return (PROC / "self/mountinfo").read_text().splitlines()


def addresses_and_routes() -> list[str]:
    commands = (["ip", "-brief", "address"], ["ip", "route", "show", "table", "all"])
    return [
        line
        for command in commands
        for line in subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    ]


def traces(instance: Instance) -> list[str]:
    """Return what of a lab is to be found on the machine, other than its processes."""
    return [
        *(line for line in addresses_and_routes() if instance.link in line or instance.host_address in line),
        *(line for line in mounts() if str(instance.state) in line or instance.name in line),
        *(str(top / instance.cgroup) for top in hierarchies() if (top / instance.cgroup).exists()),
        *(str(entry) for entry in Path("/run/netns").glob("*") if entry.name.startswith("cni-")),
        *([str(instance.state)] if instance.state.exists() else []),
    ]


def kill_when_it_prints(instance: Instance, step: str) -> None:
    """Run `up` in a process of its own and kill that process as soon as it has printed a step."""
    command = [sys.executable, "-m", "lab", "up", "--flavour", instance.flavour, "--name", instance.name]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if step in line:
                process.kill()
                return
    pytest.fail(f"`up` never printed {step!r}")


def kill(process: Process) -> None:
    process.send(signal.SIGKILL)
    wait_until("the end of a killed process", lambda: "it still runs" if process.alive else None, seconds=10)


@pytest.mark.parametrize("step", ["build kubernetes", "clean up", "namespaces and certificates", "control plane"])
def test_a_start_killed_half_way_is_repaired(step: str) -> None:
    lab.down([CONTROL_PLANE.name])
    kill_when_it_prints(CONTROL_PLANE, step)

    up(CONTROL_PLANE)

    assert lab.status([CONTROL_PLANE.name]) == {CONTROL_PLANE.name: "running"}


@pytest.mark.parametrize("victim", [HOLDER, "etcd", "kube-apiserver", "kube-controller-manager"])
def test_a_lab_that_lost_a_program_is_started_anew(victim: str) -> None:
    up(CONTROL_PLANE)
    before = processes_inside(CONTROL_PLANE)
    kill(Registry(CONTROL_PLANE.state).read()[victim])

    up(CONTROL_PLANE)

    assert lab.status([CONTROL_PLANE.name]) == {CONTROL_PLANE.name: "running"}
    assert not [process for process in before if process.alive]


def test_up_leaves_a_running_lab_alone() -> None:
    first = up(CONTROL_PLANE)
    before = Registry(CONTROL_PLANE.state).read()

    assert up(CONTROL_PLANE) == first
    assert Registry(CONTROL_PLANE.state).read() == before


def test_status_of_a_lab_that_is_not_up() -> None:
    instance = Instance("labtest-absent", "control-plane")

    assert "not" in lab.status([instance.name])[instance.name]


def test_down_leaves_nothing_of_a_control_plane() -> None:
    up(CONTROL_PLANE)
    processes = processes_inside(CONTROL_PLANE)
    assert len(processes) >= 4

    lab.down([CONTROL_PLANE.name])

    assert not [process for process in processes if process.alive]
    assert not Registry(CONTROL_PLANE.state).members()
    assert traces(CONTROL_PLANE) == []


def test_a_full_lab_killed_half_way_comes_up_runs_pods_and_leaves_nothing() -> None:
    mounts_before = mounts()
    # As on a machine that has never had a lab: its images are imported first, by a containerd that ends again.
    shutil.rmtree(cache_root() / "image-store", ignore_errors=True)
    kill_when_it_prints(FULL, "apply prometheus")
    kill(Registry(FULL.state).read()["kubelet"])

    running = up(FULL)

    kubectl = Kubectl(FULL, kubernetes_programs(Reporter(quiet=True)))
    pod = ["run", "sleeper", f"--image={BASE_IMAGE}", "--image-pull-policy=IfNotPresent"]
    kubectl(*pod, '--overrides={"spec":{"terminationGracePeriodSeconds":0}}', "--command", "--", "sleep", "1d")
    kubectl.wait("condition=Ready", "pod/sleeper")
    assert running.gateway_address is not None
    assert len(traces(FULL)) > 3
    assert mounts() == mounts_before
    processes = processes_inside(FULL)
    assert b"sleep\x001d\0" in [command_of(process) for process in processes]

    lab.down([FULL.name])

    assert not [process for process in processes if process.alive]
    assert not Registry(FULL.state).members()
    assert traces(FULL) == []
    assert mounts() == mounts_before
