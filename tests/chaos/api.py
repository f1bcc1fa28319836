"""The API server as the harness uses it, past every fault: documents, and mirrors of whole kinds."""

import asyncio
import json
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import aiohttp
from kubernetes import config

from tidegate.clients.kinds import KINDS

Object = dict[str, Any]
Key = tuple[str, str]
"""Namespace and name."""
Listener = Callable[[str, Object, bool], None]
"""Told kind, object as stored (or as it was last), and whether it is gone."""

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
JSON = "application/json"
WATCH_SECONDS = 600
AGAIN_SECONDS = 0.2
LINE_BYTES = 2**22


class Refused(Exception):  # noqa: N818
    """The API server answered something else than a success."""

    def __init__(self, what: str, code: int, message: str) -> None:
        super().__init__(f"{what}: HTTP {code}: {message}")
        self.code = code


class Api:
    """Requests with an administrator's rights."""

    def __init__(self, kubeconfig: Path) -> None:
        loaded: Any = config.new_client_from_config(str(kubeconfig))  # type: ignore[no-untyped-call]
        settings = loaded.configuration
        self.url: str = settings.host
        tls = ssl.create_default_context(cafile=settings.ssl_ca_cert)
        tls.load_cert_chain(settings.cert_file, settings.key_file)
        self._connector = aiohttp.TCPConnector(limit=0, ssl=tls)
        self.session = aiohttp.ClientSession(
            connector=self._connector,
            timeout=aiohttp.ClientTimeout(total=None),
            skip_auto_headers=["Accept-Encoding", "User-Agent", "Content-Type", "Accept"],
            read_bufsize=LINE_BYTES,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.session.close()

    async def send(self, method: str, path: str, body: Object | None = None, content_type: str = JSON) -> Object:
        """Send one request and return the document it is answered with.

        Raises
        ------
        Refused
            If the answer is no success.
        """
        async with self.session.request(
            method,
            f"{self.url}{path}",
            data=None if body is None else json.dumps(body),
            headers={"Content-Type": content_type, "Accept": JSON},
        ) as response:
            text = await response.text()
            if response.status >= 400:
                raise Refused(f"{method} {path}", response.status, text[:500])
            decoded: Object = json.loads(text)
            return decoded

    async def apply(self, item: Object, *, subresource: str = "") -> Object:
        """Server-side apply as the cluster's other programs do it."""
        kind, metadata = KINDS[item["kind"]], item["metadata"]
        path = kind.path(metadata["namespace"], metadata["name"], subresource or None)
        return await self.send("PATCH", f"{path}?fieldManager=stand-in&force=true", item, APPLY)


class Mirror:
    """All objects of one kind, as they are stored, and every version of them told to listeners in order.

    Attributes
    ----------
    objects
        Namespace and name to object.
    gaps
        Why versions may have been missed, each time.
    """

    def __init__(self, api: Api, kind: str, selector: str, *listeners: Listener) -> None:
        self.objects: dict[Key, Object] = {}
        self.gaps: list[str] = []
        self.synced = asyncio.Event()
        self._api = api
        self._kind = KINDS[kind]
        self._query = f"labelSelector={selector}" if selector else ""
        self._listeners = listeners

    async def run(self) -> None:
        """Follow the kind until cancelled, also while it is not served."""
        while True:
            try:
                broken = await self._follow(await self._list())
            except (aiohttp.ClientError, Refused, TimeoutError) as error:
                broken = repr(error)
                await asyncio.sleep(AGAIN_SECONDS)
            if self.synced.is_set():
                self.gaps.append(f"{self._kind.name}: {broken}")

    async def _list(self) -> str:
        listing = await self._api.send("GET", f"{self._kind.path(None)}?{self._query}")
        found = {_key(item): item for item in listing["items"]}
        for key in self.objects.keys() - found.keys():
            self._tell(self.objects[key], gone=True)
        for key, item in found.items():
            if _version(self.objects.get(key)) != _version(item):
                self._tell({"apiVersion": self._kind.api_version, "kind": self._kind.name, **item}, gone=False)
        self.synced.set()
        return str(listing["metadata"]["resourceVersion"])

    async def _follow(self, version: str) -> str:
        """Watch from that version on; returns why that is over."""
        while True:
            query = f"watch=true&allowWatchBookmarks=true&timeoutSeconds={WATCH_SECONDS}&resourceVersion={version}"
            async with self._api.session.get(f"{self._api.url}{self._kind.path(None)}?{query}&{self._query}") as stream:
                if stream.status != 200:
                    return f"HTTP {stream.status}"
                async for line in stream.content:
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        return str(event["object"])
                    version = event["object"]["metadata"]["resourceVersion"]
                    if event["type"] != "BOOKMARK":
                        self._tell(event["object"], gone=event["type"] == "DELETED")

    def _tell(self, item: Object, *, gone: bool) -> None:
        if gone:
            self.objects.pop(_key(item), None)
        else:
            self.objects[_key(item)] = item
        for listener in self._listeners:
            listener(self._kind.name, item, gone)


def _key(item: Object) -> Key:
    return item["metadata"]["namespace"], item["metadata"]["name"]


def _version(item: Object | None) -> str | None:
    return None if item is None else item["metadata"]["resourceVersion"]


async def until(condition: Callable[[], bool], what: Callable[[], str] | str, seconds: float) -> None:
    """Wait for something that others bring about.

    Raises
    ------
    AssertionError
        If it has not come after so many seconds; the message is `what`.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:g} s in vain: {what if isinstance(what, str) else what()}")
        await asyncio.sleep(0.05)


async def hold(condition: Callable[[], bool], what: Callable[[], str] | str, seconds: float) -> None:
    """Watch something stay as it is.

    Raises
    ------
    AssertionError
        If it does not for so many seconds; the message is `what`.
    """
    start = time.monotonic()
    while (passed := time.monotonic() - start) < seconds:
        if not condition():
            raise AssertionError(f"after {passed:.1f} of {seconds:g} s: {what if isinstance(what, str) else what()}")
        await asyncio.sleep(0.05)
