"""The cgroups of a lab's pods, with either version of the interface."""

from collections.abc import Iterator
from pathlib import Path

from lab.waiting import wait_until

ROOT = Path("/sys/fs/cgroup")
INHERITED = ("cpuset.cpus", "cpuset.mems")


def hierarchies() -> Iterator[Path]:
    """Yield the top of every mounted hierarchy: one with version 2, one per controller with version 1."""
    if (ROOT / "cgroup.controllers").exists():
        yield ROOT
    else:
        yield from (entry for entry in ROOT.iterdir() if entry.is_dir() and not entry.is_symlink())


def create_cgroups(name: str) -> None:
    """Make an empty cgroup in every hierarchy; kubelet starts under none that is absent."""
    for hierarchy in hierarchies():
        group = hierarchy / name
        group.mkdir(exist_ok=True)
        for setting in INHERITED if hierarchy != ROOT else ():
            if (group / setting).exists() and not (group / setting).read_text().strip():
                (group / setting).write_text((hierarchy / setting).read_text())
    if (ROOT / "cgroup.controllers").exists():
        controllers = (ROOT / "cgroup.controllers").read_text().split()
        wanted = " ".join(f"+{controller}" for controller in controllers)
        for group in (ROOT, ROOT / name):
            (group / "cgroup.subtree_control").write_text(wanted)


def remove_cgroups(name: str) -> None:
    """Remove a cgroup with all below it, in every hierarchy; those of just killed processes are busy for a moment."""

    def remaining() -> str | None:
        busy = [
            group for hierarchy in hierarchies() if (hierarchy / name).is_dir() for group in below(hierarchy / name)
        ]
        left = [str(group) for group in busy if not removed(group)]
        return f"still there: {left[:3]}" if left else None

    wait_until(f"the removal of cgroup {name}", remaining, seconds=20)


def below(group: Path) -> list[Path]:
    """Return a cgroup and all below it, the deepest first."""
    children = [found for entry in group.iterdir() if entry.is_dir() for found in below(entry)]
    return [*children, group]


def removed(group: Path) -> bool:
    """Try to remove one cgroup."""
    try:
        group.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
