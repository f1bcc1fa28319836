"""The node: containerd, kubelet and kube-proxy, with all they write under the lab's own state directory."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import yaml

from lab.cgroups import create_cgroups
from lab.control_plane import NODE_NAME
from lab.instance import Instance
from lab.namespaces import Namespaces
from lab.waiting import wait_until

CONTAINERD = "containerd"
PAUSE_IMAGE = "localhost/tidegate/pause:lab"
GPU_RESOURCE = "nvidia.com/gpu"
GPU_COUNT = 8
KUBELET_PORT = 10250
CAP_SYS_RESOURCE = 24


def prepare(instance: Instance) -> None:
    """Make what the node's programs need to start: cgroups and configuration files."""
    create_cgroups(instance.cgroup)
    write_configuration(instance)


def start(namespaces: Namespaces, programs: Path) -> None:
    """Start the node's programs; the node itself becomes Ready a few seconds later."""
    instance = namespaces.instance
    spawn_containerd(namespaces, programs)
    options = [
        f"--config={instance.state / 'kubelet.yaml'}",
        f"--kubeconfig={instance.pki / f'{NODE_NAME}.kubeconfig'}",
        f"--root-dir={instance.state / 'kubelet'}",
        f"--cert-dir={instance.pki / 'kubelet'}",
        f"--hostname-override={NODE_NAME}",
        f"--node-ip={instance.address}",
    ]
    namespaces.spawn("kubelet", [str(programs / "bin/kubelet"), *options])
    namespaces.spawn("kube-proxy", [str(programs / "bin/kube-proxy"), f"--config={instance.state / 'kube-proxy.yaml'}"])


def spawn_containerd(namespaces: Namespaces, programs: Path) -> None:
    """Start containerd and wait until it can be asked."""
    instance = namespaces.instance
    # containerd finds its shim and runc on PATH.
    path = f"{programs / 'bin'}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    command = ["containerd", "--config", str(instance.state / "containerd.toml")]
    namespaces.spawn(CONTAINERD, ["env", f"PATH={path}", *command])

    def missing() -> str | None:
        namespaces.require_alive()
        return not_answering(instance)

    wait_until(CONTAINERD, missing, seconds=30)


def stop_containerd(namespaces: Namespaces) -> None:
    """Stop containerd in good order, so that its databases are whole."""
    process = namespaces.registry.read()[CONTAINERD]
    process.send(signal.SIGTERM)
    wait_until("the end of containerd", lambda: "it still runs" if process.alive else None, seconds=30)
    containerd_socket(namespaces.instance).unlink(missing_ok=True)
    namespaces.registry.forget(CONTAINERD)


def store_directory(instance: Instance) -> Path:
    """Return where containerd keeps images, layers and its databases."""
    return instance.state / "containerd"


def containerd_socket(instance: Instance) -> Path:
    """Return the socket of containerd, as seen from the host as well."""
    return instance.state / "containerd.sock"


def not_answering(instance: Instance) -> str | None:
    """Return why containerd cannot be asked yet, None when it can."""
    socket = containerd_socket(instance)
    return None if socket.is_socket() else f"{socket} is not there; see {instance.logs / 'containerd.log'}"


def write_configuration(instance: Instance) -> None:
    """Write the configuration files of the node's programs."""
    state = instance.state
    (state / "containerd.toml").write_text(containerd_configuration(instance))
    network = state / "cni" / "10-lab.conflist"
    network.parent.mkdir()
    network.write_text(json.dumps(pod_network(instance), indent=1))
    (state / "resolv.conf").write_text(f"nameserver {instance.host_address}\n")
    (state / "kubelet.yaml").write_text(yaml.safe_dump(kubelet_configuration(instance)))
    (state / "kube-proxy.yaml").write_text(yaml.safe_dump(kube_proxy_configuration(instance)))


def containerd_configuration(instance: Instance) -> str:
    """Return containerd's configuration, with its state in the namespaces' own /run."""
    restrict = json.dumps(not may_lower_oom_score())
    return f"""
version = 3
root = "{store_directory(instance)}"
state = "/run/containerd"
disabled_plugins = ["io.containerd.nri.v1.nri", "io.containerd.tracing.processor.v1.otlp"]

[grpc]
address = "{containerd_socket(instance)}"

[ttrpc]
address = "/run/containerd/ttrpc.sock"

[plugins."io.containerd.cri.v1.images"]
snapshotter = "overlayfs"
[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "{PAUSE_IMAGE}"

[plugins."io.containerd.cri.v1.runtime"]
restrict_oom_score_adj = {restrict}
[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = ["/usr/lib/cni"]
conf_dir = "{instance.state / "cni"}"
"""


def may_lower_oom_score() -> bool:
    """Whether we hold CAP_SYS_RESOURCE; without it a sandbox that asks for a lower score would not start."""
    lines = Path("/proc/self/status").read_text().splitlines()
    effective = next(line for line in lines if line.startswith("CapEff:")).split()[1]
    return bool(int(effective, 16) >> CAP_SYS_RESOURCE & 1)


def pod_network(instance: Instance) -> dict[str, Any]:
    """Return the network of pods: a bridge, where a pod also reaches itself through its Service."""
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "ipMasq": True,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "ranges": [[{"subnet": str(next(instance.pods.subnets(new_prefix=24)))}]],
            "routes": [{"dst": "0.0.0.0/0"}],
            "dataDir": "/run/cni",
        },
    }
    port_map = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "1.0.0", "name": "lab", "plugins": [bridge, port_map]}


def kubelet_configuration(instance: Instance) -> dict[str, Any]:
    """Return kubelet's configuration: loose on resources, as the machine is shared with everything else."""
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": instance.address,
        "port": KUBELET_PORT,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(instance.pki / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "containerRuntimeEndpoint": f"unix://{containerd_socket(instance)}",
        "clusterDNS": [instance.cluster_dns],
        "clusterDomain": "cluster.local",
        "resolvConf": str(instance.state / "resolv.conf"),
        "failCgroupV1": False,
        "failSwapOn": False,
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{instance.cgroup}",
        "localStorageCapacityIsolation": False,
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {"memory.available": "50Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "maxPods": 110,
        "serializeImagePulls": False,
        "volumePluginDir": str(instance.state / "volume-plugins"),
        "nodeStatusUpdateFrequency": "5s",
        "nodeLeaseDurationSeconds": 20,
        "registerNode": True,
        "cpuManagerPolicy": "none",
        "maxParallelImagePulls": os.cpu_count() or 1,
    }


def kube_proxy_configuration(instance: Instance) -> dict[str, Any]:
    """Return kube-proxy's configuration; it must leave conntrack's limits, which the namespace may not write, alone."""
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": str(instance.pki / "kube-proxy.kubeconfig")},
        "mode": "iptables",
        "hostnameOverride": NODE_NAME,
        "bindAddress": instance.address,
        "healthzBindAddress": f"{instance.address}:10256",
        "metricsBindAddress": f"{instance.address}:10249",
        "clusterCIDR": str(instance.pods),
        "iptables": {"minSyncPeriod": "0.1s", "syncPeriod": "30s"},
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }
