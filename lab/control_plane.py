"""etcd, API server, controller manager and scheduler: what they are started with and when they are ready."""

import http.client
import json
import ssl
from dataclasses import asdict
from pathlib import Path

from lab.instance import Instance, Ports
from lab.namespaces import Namespaces
from lab.pki import Authority, write_kubeconfig
from lab.waiting import wait_until

NODE_NAME = "lab"
READY_SECONDS = 60.0

# Without a node there are no pods: only what a cluster needs to keep namespaces, owners and roles consistent, so that
# tests may play the part of the workload controllers.
HOUSEKEEPING = (
    "clusterrole-aggregation-controller",
    "garbage-collector-controller",
    "namespace-controller",
    "root-ca-certificate-publisher-controller",
    "serviceaccount-controller",
    "validatingadmissionpolicy-status-controller",
)
CLIENTS: dict[str, tuple[str, ...]] = {
    "admin": ("system:masters",),
    "system:kube-controller-manager": (),
    "system:kube-scheduler": (),
    "system:kube-proxy": (),
    f"system:node:{NODE_NAME}": ("system:nodes",),
}


def client_file(user: str) -> str:
    """Return the file name of a client's certificate and kubeconfig: the last part of the user's name."""
    return user.rpartition(":")[2]


def server_url(instance: Instance) -> str:
    """Return the API server's URL."""
    return f"https://{instance.address}:{read_ports(instance).apiserver}"


def read_ports(instance: Instance) -> Ports:
    """Return the ports this start of the lab listens on."""
    return Ports(**json.loads((instance.state / "ports.json").read_text()))


def write_identities(instance: Instance) -> None:
    """Choose ports; write all certificates and kubeconfigs."""
    (instance.state / "ports.json").write_text(json.dumps(asdict(instance.choose_ports())))
    authority = Authority(instance.pki)
    names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"]
    addresses = [instance.address, "127.0.0.1", str(instance.services[1]), "localhost"]
    authority.issue("apiserver", "kube-apiserver", addresses=[*names, *addresses])
    authority.write_signing_key("service-account")
    for user, groups in CLIENTS.items():
        file = client_file(user)
        authority.issue(file, user, organizations=groups)
        kubeconfig = instance.kubeconfig if user == "admin" else instance.pki / f"{file}.kubeconfig"
        write_kubeconfig(kubeconfig, server_url(instance), instance.pki, file)


def start(namespaces: Namespaces, programs: Path) -> None:
    """Start the control plane and wait until the API server is ready."""
    instance = namespaces.instance
    ports = read_ports(instance)
    namespaces.spawn("etcd", etcd(instance, ports, programs))
    namespaces.spawn("kube-apiserver", apiserver(instance, ports, programs))
    await_ready(namespaces)
    namespaces.spawn("kube-controller-manager", controller_manager(instance, programs))
    if instance.has_node:
        namespaces.spawn("kube-scheduler", scheduler(instance, programs))


def await_ready(namespaces: Namespaces) -> None:
    """Wait for the API server; a program that ends meanwhile is an error at once."""

    def missing() -> str | None:
        namespaces.require_alive()
        return not_ready(namespaces.instance)

    wait_until("the API server", missing, seconds=READY_SECONDS)


def not_ready(instance: Instance) -> str | None:
    """Return why the API server is not ready, None when it is."""
    context = ssl.create_default_context(cafile=str(instance.pki / "ca.crt"))
    context.load_cert_chain(instance.pki / "admin.crt", instance.pki / "admin.key")
    port = read_ports(instance).apiserver
    connection = http.client.HTTPSConnection(instance.address, port, context=context, timeout=2)
    try:
        connection.request("GET", "/readyz")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"{server_url(instance)}/readyz: {error}; see {instance.logs}"
    finally:
        connection.close()
    return None if status == 200 else f"{server_url(instance)}/readyz answers {status}; see {instance.logs}"


def etcd(instance: Instance, ports: Ports, programs: Path) -> list[str]:
    """Return the command of etcd; without fsync, as a lab's data need not survive the machine."""
    client = f"http://{instance.address}:{ports.etcd}"
    peer = f"http://{instance.address}:{ports.etcd_peer}"
    return [
        str(programs / "etcd"),
        "--name=lab",
        f"--data-dir={instance.state / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=lab={peer}",
        "--unsafe-no-fsync",
        "--quota-backend-bytes=8589934592",
        "--log-level=warn",
    ]


def apiserver(instance: Instance, ports: Ports, programs: Path) -> list[str]:
    """Return the command of the API server."""
    pki = instance.pki
    return [
        str(programs / "kube-apiserver"),
        f"--bind-address={instance.address}",
        f"--advertise-address={instance.address}",
        f"--endpoint-reconciler-type={'lease' if instance.has_node else 'none'}",
        f"--secure-port={ports.apiserver}",
        f"--etcd-servers=http://{instance.address}:{ports.etcd}",
        f"--service-cluster-ip-range={instance.services}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        f"--client-ca-file={pki / 'ca.crt'}",
        f"--tls-cert-file={pki / 'apiserver.crt'}",
        f"--tls-private-key-file={pki / 'apiserver.key'}",
        f"--kubelet-client-certificate={pki / 'admin.crt'}",
        f"--kubelet-client-key={pki / 'admin.key'}",
        # The node's name is in no name server: by default logs and exec would look it up first.
        "--kubelet-preferred-address-types=InternalIP",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={pki / 'service-account.key'}",
        f"--service-account-signing-key-file={pki / 'service-account.key'}",
        "--profiling=false",
    ]


def controller_manager(instance: Instance, programs: Path) -> list[str]:
    """Return the command of the controller manager: all controllers with a node, housekeeping without."""
    kubeconfig = instance.pki / "kube-controller-manager.kubeconfig"
    node_options = [
        "--controllers=*",
        "--allocate-node-cidrs=true",
        f"--cluster-cidr={instance.pods}",
        f"--service-cluster-ip-range={instance.services}",
        f"--bind-address={instance.address}",
    ]
    options = node_options if instance.has_node else [f"--controllers={','.join(HOUSEKEEPING)}", "--secure-port=0"]
    return [
        str(programs / "kube-controller-manager"),
        f"--kubeconfig={kubeconfig}",
        "--leader-elect=false",
        "--use-service-account-credentials=true",
        f"--service-account-private-key-file={instance.pki / 'service-account.key'}",
        f"--root-ca-file={instance.pki / 'ca.crt'}",
        f"--cluster-signing-cert-file={instance.pki / 'ca.crt'}",
        f"--cluster-signing-key-file={instance.pki / 'ca.key'}",
        *options,
    ]


def scheduler(instance: Instance, programs: Path) -> list[str]:
    """Return the command of the scheduler."""
    return [
        str(programs / "kube-scheduler"),
        f"--kubeconfig={instance.pki / 'kube-scheduler.kubeconfig'}",
        "--leader-elect=false",
        f"--bind-address={instance.address}",
    ]
