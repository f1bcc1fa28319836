"""The domain's errors, and the only place where a third party's exceptions become them."""
# These are words of the domain; an Error behind each would say nothing more.
# ruff: noqa: N818

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import requests
import urllib3

EXCERPT_CHARACTERS = 300


class TidegateError(Exception):
    """Anything that went wrong outside this process and is expected to go wrong now and then."""


@dataclass(frozen=True)
class Cause:
    """One entry of ``details.causes`` in the API server's answer: a field, and what is the matter with it."""

    reason: str
    field: str
    message: str


class ApiError(TidegateError):
    """The API server did not do what it was asked to.

    Attributes
    ----------
    code
        HTTP status, 0 where there was no answer.
    causes
        The server's own list, for example who owns a field that was to be applied.
    """

    def __init__(self, message: str, *, code: int = 0, causes: tuple[Cause, ...] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.causes = causes

    def has_cause(self, reason: str) -> bool:
        """Tell whether the server named `reason` (such as ``NamespaceTerminating``) among its causes."""
        return any(cause.reason == reason for cause in self.causes)


class ApiUnavailable(ApiError):
    """No usable answer: the outcome of a write is unknown, so read again before the next one.

    Attributes
    ----------
    retry_after
        Seconds the server asked us to wait; None if it did not say.
    """

    def __init__(self, message: str, *, code: int = 0, retry_after: float | None = None) -> None:
        super().__init__(message, code=code)
        self.retry_after = retry_after


class Conflict(ApiError):
    """409: the object moved on since it was read, or another manager owns a field that was not to be forced."""


class AlreadyExists(ApiError):
    """409: there is an object of this name already."""


class NotFound(ApiError):
    """404: the object, or the namespace it was to be written into, does not exist."""


class KindMissing(NotFound):
    """404: the API server does not serve this kind at all; its CRD is not installed."""


class Forbidden(ApiError):
    """403: not permitted, be it by RBAC, by an admission policy or by a quota."""


class Invalid(ApiError):
    """400, 422 and the like: the server refused the document; the message holds its words."""


class LeadershipLost(TidegateError):
    """This replica does not lead, or leads no longer: what it wanted to write was not sent."""


class LoginFailed(TidegateError):
    """There is no usable configuration to reach a cluster with."""


class ServerUnavailable(TidegateError):
    """A model server did not say what was asked; the message is a sentence for a person."""


class MetricsUnavailable(TidegateError):
    """Prometheus gave no answer that could be counted.

    Attributes
    ----------
    reason
        CamelCase word for a condition: Refused, Unreachable, Timeout, Tls, HttpStatus, Redirected, NotJson, BadShape,
        TooLarge, ClockSkew, QueryRejected, TokenUnreadable.
    message
        Sentence for a person, naming the address without credentials.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


def api_error(what: str, code: int, headers: Mapping[str, str], body: bytes) -> ApiError:
    """Translate an answer with a status of 400 or above to the error it means.

    Parameters
    ----------
    what
        The request in words, such as ``apply deployments demo/filetype-1a2b``.
    body
        The answer as received; a Kubernetes ``Status`` in most cases, anything else where a proxy answered.
    """
    status = _decode_status(body)
    causes = _causes(status)
    words = status.get("message") or _excerpt(body) or "no explanation"
    message = f"{what}: HTTP {code}: {words}"
    if code in {401, 408, 429} or code >= 500:
        return ApiUnavailable(message, code=code, retry_after=retry_after_seconds(headers))
    if code == 409:
        kind = AlreadyExists if status.get("reason") == "AlreadyExists" else Conflict
        return kind(message, code=code, causes=causes)
    if code == 404:
        # A missing object is told by name; a kind that is not served has no name to tell.
        named = bool((status.get("details") or {}).get("name"))
        return (NotFound if named else KindMissing)(message, code=code, causes=causes)
    return (Forbidden if code == 403 else Invalid)(message, code=code, causes=causes)


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Seconds of a Retry-After header; its other form, a date, is of no use to a caller with a clock of its own."""
    value = headers.get("Retry-After", "")
    return float(value) if value.isdigit() else None


@contextmanager
def api_errors(what: str, address: str, timeout: float) -> Iterator[None]:
    """Turn what the HTTP library raises while it talks to the API server into `ApiUnavailable`."""
    try:
        yield
    except TimeoutError as error:
        raise ApiUnavailable(f"{what}: no answer from {address} within {timeout:g} s") from error
    except (aiohttp.ClientError, OSError) as error:
        raise ApiUnavailable(f"{what}: {address} cannot be reached: {_words(error)}") from error


@contextmanager
def metrics_errors(address: str, timeout: float) -> Iterator[None]:
    """Turn what the HTTP library raises while it talks to Prometheus into `MetricsUnavailable`."""
    try:
        yield
    except requests.exceptions.SSLError as error:
        raise MetricsUnavailable("Tls", f"{address}: TLS failed: {_words(error)}; check prometheus.caFile") from error
    except (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError) as error:
        raise MetricsUnavailable("Timeout", f"{address} did not answer within {timeout:g} s") from error
    except requests.exceptions.ConnectionError as error:
        if "refused" in str(error).lower():
            raise MetricsUnavailable("Refused", f"{address} refused the connection") from error
        raise MetricsUnavailable("Unreachable", f"{address} cannot be reached: {_words(error)}") from error
    except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError) as error:
        raise MetricsUnavailable("Unreachable", f"{address} gave no usable answer: {_words(error)}") from error


def _decode_status(body: bytes) -> Mapping[str, Any]:
    try:
        decoded = json.loads(body)
    except ValueError:
        return {}
    return decoded if isinstance(decoded, dict) else {}


def _causes(status: Mapping[str, Any]) -> tuple[Cause, ...]:
    listed = (status.get("details") or {}).get("causes") or ()
    return tuple(Cause(one.get("reason", ""), one.get("field", ""), one.get("message", "")) for one in listed)


def _excerpt(body: bytes) -> str:
    return " ".join(body[: 4 * EXCERPT_CHARACTERS].decode(errors="replace").split())[:EXCERPT_CHARACTERS]


def _words(error: BaseException) -> str:
    """Innermost explanation: libraries wrap the one useful sentence several times."""
    while error.__cause__ is not None or error.__context__ is not None:
        error = error.__cause__ or error.__context__ or error
    return str(error)[:EXCERPT_CHARACTERS] or type(error).__name__
