"""One lab on this machine: its name, flavour, addresses and where its state lies."""

import os
import re
import socket
import zlib
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Network
from pathlib import Path
from typing import Literal, get_args

from lab.errors import LabError

Flavour = Literal["control-plane", "full"]
FLAVOURS: tuple[Flavour, ...] = get_args(Flavour)
FULL_INSTANCES = 16


def state_root() -> Path:
    """Return the directory that holds one directory per instance: $TIDEGATE_LAB_STATE or /var/lib/tidegate-lab."""
    return Path(os.environ.get("TIDEGATE_LAB_STATE") or "/var/lib/tidegate-lab")


@dataclass(frozen=True)
class Ports:
    """Where the control plane listens on `Instance.address`."""

    etcd: int
    etcd_peer: int
    apiserver: int


@dataclass(frozen=True)
class Instance:
    """A named lab. Two of them share nothing but the cache."""

    name: str
    flavour: Flavour

    def __post_init__(self) -> None:
        if self.flavour not in FLAVOURS:
            raise LabError(f"unknown flavour {self.flavour!r}; expected one of {', '.join(FLAVOURS)}")
        if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?", self.name):
            raise LabError(f"instance name {self.name!r} must be lower-case letters, digits and dashes, 32 at most")

    @property
    def state(self) -> Path:
        """The instance's own directory."""
        return state_root() / self.name

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.state / "kubeconfig"

    @property
    def pki(self) -> Path:
        """Certificates and keys."""
        return self.state / "pki"

    @property
    def logs(self) -> Path:
        """One log file per program."""
        return self.state / "logs"

    @property
    def has_node(self) -> bool:
        """Whether pods run here."""
        return self.flavour == "full"

    @cached_property
    def index(self) -> int:
        """0 for the usual full lab, else a number of the name's own: keeps addresses apart."""
        return 0 if self.name == "full" else 1 + zlib.crc32(self.name.encode()) % (FULL_INSTANCES - 1)

    @property
    def address(self) -> str:
        """Where the control plane listens and, with a node, the node's address."""
        return f"10.90.{self.index}.2" if self.has_node else "127.0.0.1"

    @property
    def host_address(self) -> str:
        """The host's end of the link to the node."""
        return f"10.90.{self.index}.1"

    @property
    def link(self) -> str:
        """The host's network link to the node."""
        return f"tidegate{self.index}"

    @property
    def pods(self) -> IPv4Network:
        """The range pods get addresses from."""
        return IPv4Network(f"10.{244 - self.index}.0.0/16")

    @property
    def services(self) -> IPv4Network:
        """The range Services get addresses from."""
        return IPv4Network(f"10.{96 + self.index}.0.0/16")

    @property
    def cluster_dns(self) -> str:
        """The address of the cluster's name server."""
        return str(self.services[10])

    @property
    def cgroup(self) -> str:
        """The cgroup all pods live under: two kubelets with one root would remove each other's pods."""
        return f"tidegate-lab-{self.name}"

    def choose_ports(self) -> Ports:
        """Return the ports to listen on: the usual ones on an address of our own, free ones on the shared loopback."""
        if self.has_node:
            return Ports(etcd=2379, etcd_peer=2380, apiserver=6443)
        sockets = [socket.create_server((self.address, 0)) for _ in range(3)]
        numbers = [each.getsockname()[1] for each in sockets]
        for each in sockets:
            each.close()
        return Ports(*numbers)


def find_instances() -> list[Instance]:
    """Return the instances that have state on this machine."""
    return [
        Instance(name=file.parent.name, flavour="full" if file.read_text().strip() == "full" else "control-plane")
        for file in sorted(state_root().glob("*/flavour"))
    ]
