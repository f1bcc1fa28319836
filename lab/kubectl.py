"""kubectl against one lab."""

import json
from pathlib import Path
from typing import Any

from lab.instance import Instance
from lab.shell import run

WAIT_SECONDS = 120


class Kubectl:
    """kubectl with a lab's administrator kubeconfig."""

    def __init__(self, instance: Instance, programs: Path) -> None:
        self.command = [str(programs / "bin/kubectl"), "--kubeconfig", str(instance.kubeconfig)]

    def __call__(self, *arguments: str, stdin: str | None = None, timeout_seconds: float = 60) -> str:
        """Run one kubectl command and return what it printed."""
        return run([*self.command, *arguments], stdin=stdin, timeout_seconds=timeout_seconds)

    def get(self, *arguments: str) -> dict[str, Any]:
        """Return an object or a list of objects."""
        found: dict[str, Any] = json.loads(self("get", *arguments, "--output=json"))
        return found

    def apply(self, manifest: str) -> None:
        """Apply YAML documents on the server's side."""
        self("apply", "--server-side", "--force-conflicts", "--field-manager=lab", "--filename=-", stdin=manifest)

    def wait(self, condition: str, *target: str) -> None:
        """Wait until objects have a condition; they need not exist yet where named, a selector needs one match."""
        options = [f"--for={condition}", f"--timeout={WAIT_SECONDS}s"]
        self("wait", *options, *target, timeout_seconds=WAIT_SECONDS + 10)
