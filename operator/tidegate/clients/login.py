"""How this process reaches the API server: a kubeconfig if it has one, else the pod's service account."""

import os
from collections.abc import Mapping
from pathlib import Path

from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.config import ConfigException, load_kube_config
from kubernetes.aio.config.incluster_config import SERVICE_HOST_ENV_NAME, InClusterConfigLoader

from tidegate.clients.errors import LoginFailed

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
DEFAULT_KUBECONFIG = Path("~/.kube/config")


async def load_configuration(
    context: str | None = None,
    *,
    environ: Mapping[str, str] = os.environ,
    service_account: Path = SERVICE_ACCOUNT,
) -> Configuration:
    """Find out address and credentials of the cluster.

    The order is that of other controllers: ``KUBECONFIG``, the service account of the pod, ``~/.kube/config``. What is
    returned reads a service account's token anew every minute, because the kubelet replaces it.

    Parameters
    ----------
    context
        Context of the kubeconfig; its current context without one.

    Raises
    ------
    LoginFailed
        If none of the three is there, or what is there cannot be read.
    """
    configuration = Configuration()
    try:
        if environ.get("KUBECONFIG") or SERVICE_HOST_ENV_NAME not in environ:
            file = environ.get("KUBECONFIG") or str(DEFAULT_KUBECONFIG)
            _require_file(file)
            await load_kube_config(file, context, configuration, persist_config=False)  # type: ignore[no-untyped-call]
        else:
            loader = InClusterConfigLoader(  # type: ignore[no-untyped-call]
                token_filename=str(service_account / "token"),
                cert_filename=str(service_account / "ca.crt"),
                environ=environ,
            )
            loader.load_and_set(configuration)  # type: ignore[no-untyped-call]
    except (ConfigException, OSError, TypeError, ValueError) as error:
        raise LoginFailed(f"no way into a cluster: {error}; set KUBECONFIG or run in a pod") from error
    return configuration


def _require_file(paths: str) -> None:
    """Refuse early: the library would go on with an empty configuration and fail with a type error."""
    if not any(Path(path).expanduser().is_file() for path in paths.split(os.pathsep) if path):
        raise LoginFailed(
            f"no way into a cluster: found neither a service account nor a file at {paths}; "
            "set KUBECONFIG or run in a pod with a service account"
        )
