"""LAB=external: a cluster of the user's own in place of ours."""

import os
from pathlib import Path

from lab.errors import LabError
from lab.instance import Flavour
from lab.shell import run


def is_external() -> bool:
    """Whether the user's own cluster is to be used: LAB=external."""
    return os.environ.get("LAB") == "external"


def external_kubeconfig(flavour: Flavour) -> Path:
    """Return $KUBECONFIG after checking that its cluster answers and, for full, knows the Gateway API."""
    value = os.environ.get("KUBECONFIG")
    file = Path(value) if value else Path.home() / ".kube" / "config"
    if not file.is_file():
        raise LabError(f"LAB=external needs a cluster: {file} is no file; set KUBECONFIG to one kubeconfig file")
    kubectl = ["kubectl", "--kubeconfig", str(file), "--request-timeout=10s"]
    run([*kubectl, "get", "--raw", "/readyz"], timeout_seconds=20)
    if flavour == "full":
        found = run([*kubectl, "api-resources", "--api-group=gateway.networking.k8s.io", "-o", "name"])
        if "httproutes" not in found:
            raise LabError(f"the cluster of {file} has no HTTPRoute; install a Gateway API implementation there")
    return file
