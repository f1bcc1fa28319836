"""One exchange with the API server: credentials, deadline, one retry where that is safe, and our own errors."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import aiohttp
from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.configuration import Configuration

from tidegate.api.names import FIELD_MANAGER
from tidegate.clients.errors import ApiUnavailable, api_error, api_errors, retry_after_seconds
from tidegate.clients.kinds import KINDS, Kind

Document = dict[str, Any]
Observer = Callable[[str, str, str], None]
Guard = Callable[[], None]
"""Raises `tidegate.clients.errors.LeadershipLost` where this process may not write (any more)."""

JSON = "application/json"
APPLY_PATCH = "application/apply-patch+yaml"
MERGE_PATCH = "application/merge-patch+json"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

TIMEOUT_SECONDS = 10.0
LONGEST_RETRY_AFTER_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request, before credentials and server address are added."""

    verb: str
    method: str
    kind: Kind
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    content_type: str = JSON
    accept: str = JSON

    @property
    def what(self) -> str:
        """The request in words, for messages."""
        return f"{self.verb} {self.path}"


@dataclass(frozen=True)
class _Answer:
    code: int
    headers: Mapping[str, str]
    body: bytes


def ignore(verb: str, kind: str, code: str) -> None:
    """Observe nothing."""


def allow() -> None:
    """Let every write pass."""


def request_for(
    verb: str,
    method: str,
    kind: str,
    namespace: str | None,
    name: str | None = None,
    subresource: str | None = None,
    **rest: Any,
) -> Request:
    """Address a collection, an object or a subresource of a known kind."""
    entry = KINDS[kind]
    return Request(verb=verb, method=method, kind=entry, path=entry.path(namespace, name, subresource), **rest)


class Transport:
    """Sends requests to one API server.

    Parameters
    ----------
    configuration
        Address and credentials, see `tidegate.clients.login.load_configuration`.
    reload
        Gives a fresh configuration after a 401; its credentials replace those in use.
    timeout
        Seconds for one HTTP exchange, from connecting to the last byte.
    observe
        Told verb, kind and HTTP code (``error`` where there was none) of every exchange.
    guard
        Asked before everything that is sent and is not a mere read, a second attempt included.
    """

    def __init__(
        self,
        configuration: Configuration,
        *,
        reload: Callable[[], Awaitable[Configuration]],
        timeout: float = TIMEOUT_SECONDS,
        observe: Observer = ignore,
        guard: Guard = allow,
    ) -> None:
        self._api = ApiClient(configuration)
        self._reload = reload
        self._timeout = timeout
        self._observe = observe
        self._guard = guard

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()  # type: ignore[no-untyped-call]

    async def document(self, request: Request) -> Document:
        """Send `request` and decode the JSON object it is answered with."""
        body = await self.call(request)
        try:
            decoded = json.loads(body)
        except ValueError as error:
            raise ApiUnavailable(f"{request.what}: the answer is not JSON: {body[:80]!r}") from error
        if not isinstance(decoded, dict):
            raise ApiUnavailable(f"{request.what}: found {type(decoded).__name__} in the answer, expected an object")
        return decoded

    async def call(self, request: Request) -> bytes:
        """Send `request` and return the body of a good answer, or raise the `ApiError` a bad one means.

        A 401 is tried again with fresh credentials, a 429 after the time the server asked for; both at most once.
        """
        answer = await self._send(request)
        if answer.code == 401:
            await self._renew_credentials()
            answer = await self._send(request)
        elif answer.code == 429:
            wait = retry_after_seconds(answer.headers)
            if wait is not None and wait <= LONGEST_RETRY_AFTER_SECONDS:
                await asyncio.sleep(wait)
                answer = await self._send(request)
        if answer.code >= 400:
            raise api_error(request.what, answer.code, answer.headers, answer.body)
        return answer.body

    async def _send(self, request: Request) -> _Answer:
        if request.method != "GET":
            self._guard()
        code = "error"
        address = self._api.configuration.host
        try:
            with api_errors(request.what, address, self._timeout):
                headers = {"Accept": request.accept, "Content-Type": request.content_type, "User-Agent": FIELD_MANAGER}
                await self._api.update_params_for_auth(headers, [], ["BearerToken"], request.path, request.method, None)
                response = await self._api.call_api(
                    request.method,
                    f"{address}{request.path}?{urlencode(request.query)}",
                    header_params=headers,
                    body=request.body,
                    _request_timeout=aiohttp.ClientTimeout(total=self._timeout),
                )
                answer = _Answer(response.status, response.headers, await response.read())  # type: ignore[no-untyped-call]
            code = str(answer.code)
            return answer
        finally:
            self._observe(request.verb, request.kind.name, code)

    async def _renew_credentials(self) -> None:
        fresh = await self._reload()
        self._api.configuration.api_key = fresh.api_key
        self._api.configuration.refresh_api_key_hook = fresh.refresh_api_key_hook
