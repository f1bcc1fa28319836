"""What the lab needs of the machine beyond Python, installed where missing."""

import os
import shutil
from pathlib import Path

from lab.errors import LabError
from lab.instance import Instance
from lab.progress import Reporter
from lab.shell import follow

# Command to Debian package.
ALWAYS = {"unshare": "util-linux", "nsenter": "util-linux", "setpriv": "util-linux", "mount": "mount"}
NODE = {
    "ip": "iproute2",
    "iptables": "iptables",
    "conntrack": "conntrack",
    "runc": "runc",
    "debootstrap": "debootstrap",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "/usr/share/keyrings/debian-archive-keyring.gpg": "debian-archive-keyring",
}


def require_machine(instance: Instance, reporter: Reporter) -> None:
    """Check for root and install missing Debian packages.

    Raises
    ------
    LabError
        Not root, or packages are missing on a system without apt-get.
    """
    if os.geteuid() != 0:
        raise LabError("the lab makes namespaces and needs root: run it as root, or use LAB=external with a cluster")
    needed = {**ALWAYS, **(NODE if instance.has_node else {})}
    missing = sorted({package for file, package in needed.items() if not present(file)})
    if not missing:
        return
    if shutil.which("apt-get") is None:
        raise LabError(f"missing: {', '.join(missing)} (Debian's names), and no apt-get; install them, then try again")
    environment = {"DEBIAN_FRONTEND": "noninteractive"}
    with reporter.step(f"install {' '.join(missing)}") as step:
        follow(["apt-get", "-q", "update"], step.note, environment=environment)
        install = ["apt-get", "-q", "install", "--yes", "--no-install-recommends", *missing]
        follow(install, step.note, environment=environment)


def present(file: str) -> bool:
    """Whether a command is on PATH, or a file given by its whole path exists."""
    search = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    return Path(file).exists() if file.startswith("/") else shutil.which(file, path=search) is not None
