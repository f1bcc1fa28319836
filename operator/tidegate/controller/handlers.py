"""What kopf watches for us. Its handlers put a key into the queue and do nothing else."""

import itertools
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import kopf
from kubernetes.aio.client.configuration import Configuration

from tidegate.api.names import API_GROUP, KIND, LABEL_MODELDEPLOYMENT
from tidegate.clients.kinds import KINDS

Enqueue = Callable[[tuple[str, str]], None]
Login = Callable[[], Awaitable[Configuration]]

OWNED_KINDS = ("ControllerRevision", "Deployment", "Service", "Pod", "EndpointSlice", "HTTPRoute")

SERVER_TIMEOUT_SECONDS = 300
CLIENT_TIMEOUT_SECONDS = 330
REQUEST_TIMEOUT_SECONDS = 30
CONNECT_TIMEOUT_SECONDS = 5
# The API server sends a bookmark into a watch that has nothing else to say, about once a minute.
SILENCE_SECONDS = 70.0
LONGEST_ERROR_BACKOFF_SECONDS = 10.0


class ErrorBackoffs:
    """Waits between attempts, without end: giving up would end the process and with it every other kind's watch.

    Parameters
    ----------
    attempted
        Called whenever kopf sends a request: it takes a wait beforehand, for the case that the request fails.
    """

    def __init__(self, attempted: Callable[[], None]) -> None:
        self._attempted = attempted

    def __iter__(self) -> Iterator[float]:
        for wait in itertools.chain((0.2, 0.5, 1.0, 2.0, 5.0), itertools.repeat(LONGEST_ERROR_BACKOFF_SECONDS)):
            self._attempted()
            yield wait


def build_settings(attempted: Callable[[], None] = lambda: None) -> kopf.OperatorSettings:
    """Settings under which kopf only watches: no peers, Events, annotations, finalizers or cluster-wide scans.

    Parameters
    ----------
    attempted
        Called, in kopf's thread, whenever kopf sends a request.
    """
    settings = kopf.OperatorSettings()
    settings.peering.standalone = True
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.networking.error_backoffs = ErrorBackoffs(attempted)
    settings.networking.request_timeout = REQUEST_TIMEOUT_SECONDS
    settings.networking.connect_timeout = CONNECT_TIMEOUT_SECONDS
    settings.watching.server_timeout = SERVER_TIMEOUT_SECONDS
    settings.watching.client_timeout = CLIENT_TIMEOUT_SECONDS
    settings.watching.connect_timeout = CONNECT_TIMEOUT_SECONDS
    settings.watching.inactivity_timeout = SILENCE_SECONDS
    for kind in OWNED_KINDS:
        entry = KINDS[kind]
        settings.watching.label_selectors[entry.group, entry.version, entry.plural] = LABEL_MODELDEPLOYMENT
    return settings


def build_registry(kinds: tuple[str, ...], enqueue: Enqueue, login: Login) -> kopf.OperatorRegistry:
    """Handlers for ModelDeployments and for those of `kinds` that we own.

    Parameters
    ----------
    enqueue
        Takes (namespace, name) of a ModelDeployment; must be safe to call from kopf's thread.
    login
        Gives address and credentials, afresh every time kopf asks because the old ones were refused.
    """
    registry = kopf.OperatorRegistry()

    async def log_in(**_: Any) -> kopf.ConnectionInfo:
        return await _connection_info(await login())

    async def itself(name: str | None, namespace: str | None, **_: Any) -> None:
        if name is not None and namespace is not None:
            enqueue((namespace, name))

    async def owner(labels: kopf.Labels, namespace: str | None, **_: Any) -> None:
        name = labels.get(LABEL_MODELDEPLOYMENT)
        if name is not None and namespace is not None:
            enqueue((namespace, name))

    kopf.on.login(registry=registry)(log_in)
    for kind in kinds:
        entry = KINDS[kind]
        handler = itself if kind == KIND else owner
        kopf.on.event(entry.group, entry.version, entry.plural, registry=registry, id=f"{kind}.{API_GROUP}")(handler)
    return registry


async def _connection_info(configuration: Configuration) -> kopf.ConnectionInfo:
    token = await configuration.get_api_key_with_prefix("BearerToken")
    scheme, _, value = (token or "").rpartition(" ")
    return kopf.ConnectionInfo(
        server=configuration.host,
        ca_path=configuration.ssl_ca_cert,
        insecure=not configuration.verify_ssl,
        scheme=scheme or None,
        token=value or None,
        certificate_path=configuration.cert_file,
        private_key_path=configuration.key_file,
        proxy_url=configuration.proxy,
        trust_env=True,
    )
