"""Which cluster is meant, as kubectl decides it: a kubeconfig and its context, or the pod the program runs in."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from urllib3.exceptions import HTTPError

from tidegate.cli.errors import CommandError
from tidegate.clients.errors import ApiUnavailable, api_error
from tidegate.clients.transport import Document, Request

DEFAULT_KUBECONFIG = "~/.kube/config"
SERVICE_ACCOUNT_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
TIMEOUT_SECONDS = 10.0

Send = Callable[[Request], Document]
"""Sends one request; raises `tidegate.clients.errors.ApiError`."""


@dataclass(frozen=True)
class Login:
    """A way into a cluster.

    Attributes
    ----------
    address
        Of the API server, for messages.
    namespace
        The one used where none is named.
    """

    send: Send
    address: str
    namespace: str


def log_in(context: str | None, kubeconfig: str | None) -> Login:
    """Find address, credentials and namespace.

    Raises
    ------
    CommandError
        If there is no kubeconfig, it cannot be read, or it has no such context.
    """
    from kubernetes import config
    from kubernetes.client import ApiClient, Configuration

    configuration = Configuration()
    files = kubeconfig or os.environ.get("KUBECONFIG") or DEFAULT_KUBECONFIG
    if not kubeconfig and not _readable(files) and "KUBERNETES_SERVICE_HOST" in os.environ:
        config.load_incluster_config(configuration)  # type: ignore[no-untyped-call]
        namespace = SERVICE_ACCOUNT_NAMESPACE.read_text().strip()
    else:
        namespace = _namespace_of(files, context)
        try:
            config.load_kube_config(files, context, configuration, persist_config=False)  # type: ignore[no-untyped-call]
        except Exception as error:  # The library raises whatever its parts raise: TypeError, KeyError, ValueError...
            raise CommandError(f"{files} cannot be used: {error}; `kubectl config view` shows what is in it") from error
    configuration.retries = False
    try:
        client = ApiClient(configuration)
    except (OSError, ValueError) as error:
        told = f"the certificates of this context cannot be used: {error}; log in again, or correct the kubeconfig"
        raise CommandError(told) from error
    return Login(_sender(client), configuration.host, namespace)


def _readable(files: str) -> bool:
    return any(Path(file).expanduser().is_file() for file in files.split(os.pathsep) if file)


def _namespace_of(files: str, context: str | None) -> str:
    from kubernetes import config

    if not _readable(files):
        raise CommandError(f"there is no kubeconfig at {files}; set KUBECONFIG, or name a file with --kubeconfig")
    try:
        contexts, current = config.list_kube_config_contexts(files)  # type: ignore[no-untyped-call]
    except config.ConfigException as error:
        raise CommandError(f"{files} cannot be used: {error}; `kubectl config view` shows what is in it") from error
    except Exception as error:
        raise CommandError(f"{files} is not a kubeconfig; name another file with --kubeconfig") from error
    if context is None:
        chosen: Mapping[str, Any] = current
    else:
        found = {entry["name"]: entry for entry in contexts}
        if context not in found:
            raise CommandError(f"there is no context {context!r} in {files}; {nearest(context, found)}")
        chosen = found[context]
    return str((chosen.get("context") or {}).get("namespace") or "default")


def nearest(name: str, known: Any) -> str:
    """Tell which of the names that exist are meant, or what there is."""
    names = sorted(known)
    meant = get_close_matches(name, names, n=3, cutoff=0.5) or names[:5]
    return f"did you mean {' or '.join(meant)}?" if meant else "there is none at all"


def _sender(client: Any) -> Send:
    from kubernetes.client.exceptions import ApiException

    def send(request: Request) -> Document:
        path = request.path + (f"?{urlencode(request.query)}" if request.query else "")
        headers = {"Accept": request.accept, "Content-Type": request.content_type}
        method, url, headers, body, _ = client.param_serialize(
            request.method, path, header_params=headers, body=request.body, auth_settings=["BearerToken"]
        )
        try:
            answer = client.call_api(method, url, headers, body, _request_timeout=TIMEOUT_SECONDS)
            content = answer.read()
        except (HTTPError, OSError, ApiException) as error:
            raise ApiUnavailable(_innermost(error)) from error
        if answer.status >= 400:
            raise api_error(request.what, answer.status, dict(answer.headers), content)
        try:
            decoded: Document = json.loads(content)
        except ValueError as error:
            raise ApiUnavailable("what answers there is no API server") from error
        return decoded

    return send


def _innermost(error: Exception) -> str:
    """The one useful part of what the HTTP library says."""
    told = " ".join(str(getattr(error, "reason", None) or error).split()).rpartition(": ")[2]
    while told.count(")") > told.count("("):
        told = told.removesuffix(")")
    return told or type(error).__name__
