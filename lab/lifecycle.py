"""Bringing a lab up, down, and telling how it is."""

import shutil
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from lab import control_plane, network, node
from lab.builds import KUBERNETES, kubernetes_programs
from lab.cache import digest, locked
from lab.cgroups import remove_cgroups
from lab.cluster import equip
from lab.external import external_kubeconfig, is_external
from lab.image_store import provide_images, store_key
from lab.images import kubernetes_images, other_images
from lab.instance import Flavour, Instance, find_instances, state_root
from lab.ledger import Ledger
from lab.namespaces import Namespaces
from lab.oci import Image
from lab.processes import Registry
from lab.progress import Reporter
from lab.requirements import require_machine

SOURCES = tuple(Path(__file__).with_name(f"{name}.py") for name in ("control_plane", "namespaces", "network", "node"))


@dataclass(frozen=True)
class Lab:
    """A running lab.

    `gateway_address` is where the Gateway `inference` in namespace `gateways` answers on port 80; None without a node.
    """

    kubeconfig: Path
    gateway_address: str | None = None


def control_plane_kubeconfig() -> Path:
    """Return the kubeconfig of the usual control-plane lab, brought up where it is not."""
    return up("control-plane").kubeconfig


def up(flavour: Flavour = "full", *, name: str | None = None, reporter: Reporter | None = None) -> Lab:
    """Bring a lab to the state this tree describes; a quick check where it already is.

    A lab that was stopped or killed half-way is cleaned and started anew.

    Parameters
    ----------
    flavour
        "control-plane": etcd, API server and housekeeping controllers. "full": a node, gateway and Prometheus as well.
    name
        Names the instance; by default the flavour. Instances run side by side.

    Raises
    ------
    LabError
        With what failed and where its log is.
    """
    reporter = reporter or Reporter(quiet=True)
    if is_external():
        return Lab(external_kubeconfig(flavour))
    instance = Instance(name or flavour, flavour)
    with locked(lock_file(instance)):
        return bring_up(instance, reporter)


def bring_up(instance: Instance, reporter: Reporter) -> Lab:
    """Run every step that was not yet run for this start of the lab with the same inputs."""
    require_machine(instance, reporter)
    programs, images = built(instance, reporter)
    ledger = Ledger(instance)
    namespaces = Namespaces(instance)
    key = digest(KUBERNETES.key, instance.flavour, store_key(images), *SOURCES)
    if ledger.done("core", key) and broken(instance) is None:
        reporter.line(f"running  {instance.flavour} lab {instance.name}")
    else:
        start_core(namespaces, programs, images, reporter)
        ledger.record("core", key)
    return Lab(instance.kubeconfig, equip(namespaces, programs, ledger, reporter) if instance.has_node else None)


def built(instance: Instance, reporter: Reporter) -> tuple[Path, list[Image]]:
    """Return the programs and, where there is a node, its images, those of other things while Kubernetes is built."""
    if not instance.has_node:
        return kubernetes_programs(reporter), []
    with ThreadPoolExecutor(max_workers=1) as beside:
        others = beside.submit(other_images, reporter)
        programs = kubernetes_programs(reporter)
        return programs, [*kubernetes_images(programs, reporter), *others.result()]


def start_core(namespaces: Namespaces, programs: Path, images: Sequence[Image], reporter: Reporter) -> None:
    """Remove whatever an earlier start left, and start the control plane and the node's programs."""
    instance = namespaces.instance
    with reporter.step("clean up"):
        clean(instance)
    instance.logs.mkdir(parents=True)
    (instance.state / "flavour").write_text(instance.flavour)
    with reporter.step("namespaces and certificates"):
        namespaces.create(programs / "bin/pause")
        if instance.has_node:
            network.create(instance, namespaces)
        control_plane.write_identities(instance)
    if instance.has_node:
        node.prepare(instance)
        provide_images(namespaces, programs, images, reporter)
    with reporter.step("control plane"):
        control_plane.start(namespaces, programs / "bin")
    if instance.has_node:
        with reporter.step("node"):
            node.start(namespaces, programs)


def down(names: Iterable[str] | None = None, *, reporter: Reporter | None = None) -> None:
    """Stop instances, by default all, and remove all they left on the machine; caches stay."""
    reporter = reporter or Reporter(quiet=True)
    for instance in find_instances() if names is None else map(recorded_instance, names):
        with reporter.step(f"stop {instance.name}"), locked(lock_file(instance)):
            clean(instance)


def recorded_instance(name: str) -> Instance:
    """Return the instance of this name: with its recorded flavour, the usual one where there is no state."""
    known = {instance.name: instance for instance in find_instances()}
    return known.get(name) or Instance(name, "full" if name == "full" else "control-plane")


def clean(instance: Instance) -> None:
    """Remove processes, links, cgroups and state of an instance, whatever of them there is."""
    Registry(instance.state).kill_all()
    network.remove(instance)
    remove_cgroups(instance.cgroup)
    if instance.state.exists():
        shutil.rmtree(instance.state)


def status(names: Iterable[str] | None = None) -> dict[str, str]:
    """Return "running" or what is wrong for instances, by default for those that have state on this machine."""
    instances = find_instances() if names is None else map(recorded_instance, names)
    return {instance.name: broken(instance) or "running" for instance in instances}


def broken(instance: Instance) -> str | None:
    """Return what is wrong with an instance, None where all its programs run and the API server is ready."""
    processes = Registry(instance.state).read()
    if not processes:
        return "not up; `python -m lab up` starts it"
    dead = [name for name, process in processes.items() if not process.alive]
    if dead:
        return f"not running: {', '.join(dead)}; `python -m lab up` cleans up and starts anew"
    try:
        return control_plane.not_ready(instance)
    except OSError as error:
        return f"state is incomplete ({error}); `python -m lab up` cleans up and starts anew"


def lock_file(instance: Instance) -> Path:
    """Return the file whose lock allows to change an instance; outside its state, which comes and goes."""
    return state_root() / f".{instance.name}.lock"
