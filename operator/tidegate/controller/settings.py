"""The operator's own configuration: one YAML file, checked as a whole before anything starts."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, AnyHttpUrl, Field, TypeAdapter, ValidationError

from tidegate.clients.errors import TidegateError
from tidegate.controller.gateway_settings import GatewaySettings, repeated
from tidegate.controller.section import Section

CONFIGURATION_VARIABLE = "TIDEGATE_CONFIG"
POD_NAMESPACE_VARIABLE = "POD_NAMESPACE"
NAMESPACE_PATTERN = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"

LeaseKey = tuple[str, str]
"""Namespace and name of a Lease."""

_HTTP_URL = TypeAdapter(AnyHttpUrl)


class SettingsError(TidegateError):
    """The configuration cannot be used; the message lists every key that is wrong."""


def _http_url(value: str) -> str:
    _HTTP_URL.validate_python(value)
    return value


class PrometheusSettings(Section):
    """Where counters are read from.

    Attributes
    ----------
    url
        Base address of the query API.
    bearer_token_file, ca_file
        Files in the operator's pod; the token is read anew for every query.
    headers
        Sent with every query, such as a tenant's ``X-Scope-OrgID``.
    timeout_seconds
        Patience with one query.
    """

    url: Annotated[str, AfterValidator(_http_url)] = "http://prometheus.monitoring:9090"
    bearer_token_file: str | None = None
    ca_file: str | None = None
    headers: dict[str, str] = {}
    timeout_seconds: float = Field(default=5, gt=0, le=60)


class TritonSettings(Section):
    """Defaults of ``spec.runtime.triton``.

    Attributes
    ----------
    image
        Used where a ModelDeployment names none; pinned in each revision, so a change restarts nothing.
    """

    image: str = Field(default="nvcr.io/nvidia/tritonserver:24.10-py3", min_length=1)


class RuntimeSettings(Section):
    """Defaults of the runtimes."""

    triton: TritonSettings = TritonSettings()


class LeaderElectionSettings(Section):
    """How replicas agree on the one that acts.

    Attributes
    ----------
    enabled
        Switched off, the process acts at once: for one that is certainly the only one.
    namespace
        Of the Lease; the pod's own, from ``POD_NAMESPACE``, where not set.
    lease_name
        Replicas that share it take turns.
    """

    enabled: bool = True
    namespace: Annotated[str, Field(pattern=NAMESPACE_PATTERN)] | None = None
    lease_name: str = Field(default="tidegate", pattern=NAMESPACE_PATTERN)


class Settings(Section):
    """Everything an administrator decides about the operator.

    Attributes
    ----------
    gateways
        Gateways besides those built in, or instead of them.
    namespaces
        Those to watch; all of the cluster where empty.
    workers
        Reconciles at once.
    resync_seconds
        Every ModelDeployment is looked at once in that time even if nothing happened.
    metrics_port
        Serves /metrics, /healthz and /readyz.
    """

    prometheus: PrometheusSettings = PrometheusSettings()
    gateways: tuple[GatewaySettings, ...] = ()
    namespaces: tuple[Annotated[str, Field(pattern=NAMESPACE_PATTERN)], ...] = ()
    runtimes: RuntimeSettings = RuntimeSettings()
    workers: int = Field(default=8, ge=1, le=64)
    resync_seconds: float = Field(default=600, ge=10, le=86400)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    metrics_port: int = Field(default=8080, ge=1, le=65535)
    leader_election: LeaderElectionSettings = LeaderElectionSettings()


def lease_of(settings: Settings, environ: Mapping[str, str] = os.environ) -> LeaseKey | None:
    """Namespace and name of the Lease that replicas take turns by; None where there is no election.

    Raises
    ------
    SettingsError
        If nothing says which namespace.
    """
    election = settings.leader_election
    if not election.enabled:
        return None
    namespace = election.namespace or environ.get(POD_NAMESPACE_VARIABLE)
    if not namespace:
        raise SettingsError(
            f"leaderElection.namespace: found nothing, nor {POD_NAMESPACE_VARIABLE} in the environment; set it to the "
            "namespace of the Lease, or leaderElection.enabled to false if this is the only operator"
        )
    return namespace, election.lease_name


def load_settings(file: str | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the configuration file named by `file` or ``TIDEGATE_CONFIG``; all defaults where neither is given.

    Raises
    ------
    SettingsError
        If the file cannot be read or any key in it is wrong.
    """
    file = file or environ.get(CONFIGURATION_VARIABLE)
    if not file:
        return Settings()
    try:
        document = yaml.safe_load(Path(file).read_text())
    except OSError as error:
        raise SettingsError(
            f"{file}: {error.strerror}; --config or {CONFIGURATION_VARIABLE} must name a file"
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: not YAML: {error}") from error
    return parse_settings({} if document is None else document, file)


def parse_settings(document: object, origin: str) -> Settings:
    """Check a configuration document.

    Parameters
    ----------
    origin
        Where it came from, for messages.

    Raises
    ------
    SettingsError
        If a key is unknown or its value is not what is expected.
    """
    try:
        settings = Settings.model_validate(document)
    except ValidationError as error:
        wrong = [_sentence(detail) for detail in error.errors(include_url=False, include_context=False)]
        raise SettingsError("\n".join(f"{origin}: {line}" for line in wrong)) from error
    if (place := repeated(settings.gateways)) is not None:
        name = settings.gateways[place].controller_name
        raise SettingsError(
            f"{origin}: gateways.{place}.controllerName: found {name!r} again, expected: each only once"
        )
    return settings


def _sentence(detail: Mapping[str, Any]) -> str:
    key = ".".join(str(part) for part in detail["loc"]) or "the file"
    if detail["type"] == "extra_forbidden":
        return f"{key}: unknown key; remove it or correct its spelling"
    if detail["type"] == "missing":
        return f"{key}: not there; set it"
    return f"{key}: found {detail['input']!r}, expected: {detail['msg'].removeprefix('Value error, ')}"
