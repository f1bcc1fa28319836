"""What makes a node a full lab: images, GPUs, name server, gateway and Prometheus."""

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from string import Template

from lab.builds import KUBERNETES
from lab.cache import digest
from lab.control_plane import NODE_NAME
from lab.images import COREDNS_IMAGE, ENVOY_IMAGE, PROMETHEUS_IMAGE
from lab.instance import Instance
from lab.kubectl import Kubectl
from lab.ledger import Ledger
from lab.namespaces import Namespaces
from lab.node import GPU_COUNT, GPU_RESOURCE
from lab.progress import Reporter
from lab.shell import run
from lab.waiting import wait_until

MANIFESTS = Path(__file__).parent / "manifests"
GATEWAY_NAMESPACE = "envoy-gateway-system"


def equip(namespaces: Namespaces, programs: Path, ledger: Ledger, reporter: Reporter) -> str:
    """Bring a running node to a full lab and return the address of the gateway.

    Everything is applied before anything is waited for: pods start side by side.
    """
    instance = namespaces.instance
    kubectl = Kubectl(instance, programs)
    step = Steps(ledger, reporter).run
    step("node ready with GPUs", "1", lambda: prepare_node(kubectl))
    for name in ("coredns", "prometheus"):
        manifest = read_manifest(name, instance)
        step(f"apply {name}", digest(manifest), partial(kubectl.apply, manifest))
    step("install Envoy Gateway", KUBERNETES.key, lambda: install_gateway(instance, programs))
    manifest = read_manifest("gateway", instance)
    step("apply gateway", digest(manifest), partial(kubectl.apply, manifest))
    step("all pods ready", digest(MANIFESTS), lambda: wait_for_pods(kubectl))
    return gateway_address(kubectl)


class Steps:
    """Runs the steps that were not run for this start of the lab."""

    def __init__(self, ledger: Ledger, reporter: Reporter) -> None:
        self.ledger = ledger
        self.reporter = reporter

    def run(self, name: str, key: str, action: Callable[[], None]) -> None:
        """Run a step unless it was run with the same inputs."""
        with self.reporter.step(name) as shown:
            if self.ledger.done(name, key):
                shown.cached()
            else:
                action()
                self.ledger.record(name, key)


def read_manifest(name: str, instance: Instance) -> str:
    """Return a manifest with the instance's addresses and our images filled in."""
    values: Mapping[str, str] = {
        "cluster_dns": instance.cluster_dns,
        "coredns_image": COREDNS_IMAGE,
        "envoy_image": ENVOY_IMAGE,
        "prometheus_image": PROMETHEUS_IMAGE,
    }
    return Template((MANIFESTS / f"{name}.yaml").read_text()).substitute(values)


def prepare_node(kubectl: Kubectl) -> None:
    """Wait for the node and give it GPUs, which scheduler and quota then count as they count real ones."""
    wait_until("the node's registration", lambda: not_registered(kubectl), seconds=60)
    path = f"/status/capacity/{GPU_RESOURCE.replace('/', '~1')}"
    patch = json.dumps([{"op": "add", "path": path, "value": str(GPU_COUNT)}])
    kubectl("patch", "node", NODE_NAME, "--subresource=status", "--type=json", f"--patch={patch}")
    kubectl.wait("condition=Ready", f"node/{NODE_NAME}")
    kubectl.wait(f"jsonpath={{.status.allocatable.nvidia\\.com/gpu}}={GPU_COUNT}", f"node/{NODE_NAME}")


def not_registered(kubectl: Kubectl) -> str | None:
    """Return that the node is not known yet, None when it is."""
    found = kubectl("get", "nodes", "--output=name").split()
    return None if f"node/{NODE_NAME}" in found else f"node {NODE_NAME} is not registered; see kubelet.log"


def install_gateway(instance: Instance, programs: Path) -> None:
    """Install Envoy Gateway with its own chart."""
    homes = {f"HELM_{kind}_HOME": str(instance.state / "helm") for kind in ("CACHE", "CONFIG", "DATA")}
    options = ["--namespace", GATEWAY_NAMESPACE, "--create-namespace", "--kubeconfig", str(instance.kubeconfig)]
    chart = programs / "charts" / "gateway-helm"
    release = [str(programs / "bin/helm"), "upgrade", "--install", "envoy-gateway", str(chart)]
    run([*release, *options, "--set", "topologyInjector.enabled=false"], environment=homes)


def wait_for_pods(kubectl: Kubectl) -> None:
    """Wait until name server, gateway, proxies and Prometheus serve."""
    kubectl.wait("condition=Available", "--namespace=kube-system", "deployment/coredns")
    kubectl.wait("condition=Available", f"--namespace={GATEWAY_NAMESPACE}", "deployment/envoy-gateway")
    kubectl.wait("condition=Programmed", "--namespace=gateways", "gateway/inference")
    kubectl.wait("condition=Available", "--namespace=monitoring", "deployment/prometheus")


def gateway_address(kubectl: Kubectl) -> str:
    """Return the address of the Gateway, reachable from the host."""
    address: str = kubectl.get("gateway", "inference", "--namespace=gateways")["status"]["addresses"][0]["value"]
    return address
