"""As much of an API server as kopf needs to watch: discovery, lists and watch streams that the test feeds."""

import asyncio
import contextlib
import json
from collections import defaultdict
from typing import Any

from aiohttp import web

from tidegate.api.names import LABEL_MODELDEPLOYMENT
from tidegate.clients.kinds import KINDS, Kind

Document = dict[str, Any]


class ApiServer:
    """Serves the kinds that are `installed`.

    Attributes
    ----------
    token
        The only one that is let in.
    watched
        Kinds with the label selector of each of their watches, in the order they were opened.
    leases
        Path to Lease; made and written by PUT, with the resourceVersion it was read at.
    """

    def __init__(self, *installed: str) -> None:
        self.installed = set(installed)
        self.token = "bearer one"
        self.objects: dict[str, list[Document]] = defaultdict(list)
        self.watched: list[tuple[str, str]] = []
        self.listed: list[tuple[str, str]] = []
        self.leases: dict[str, Document] = {}
        self._streams: dict[str, list[asyncio.Queue[Document | None]]] = defaultdict(list)
        self._changed = asyncio.Event()
        self._version = 100

    async def until_watched(self, kind: str, times: int = 1) -> None:
        """Wait until `kind` has been watched so many times since the start."""
        async with asyncio.timeout(10):
            while sum(kind == watched for watched, _ in self.watched) < times:
                await self._changed.wait()
                self._changed.clear()

    def send(self, kind: str, event: str, body: Document) -> None:
        """Send an event to everyone who watches `kind`."""
        for stream in self._streams[kind]:
            stream.put_nowait({"type": event, "object": body})

    def remove(self, kind: str) -> None:
        """Stop serving `kind` and end its watches, as when a CRD is removed."""
        self.installed.discard(kind)
        for stream in self._streams.pop(kind, []):
            stream.put_nowait(None)

    def body(self, kind: str, name: str, labels: dict[str, str] | None = None) -> Document:
        """A new object of namespace demo."""
        self._version += 1
        metadata = {
            "name": name,
            "namespace": "demo",
            "uid": f"{kind}-{name}",
            "resourceVersion": str(self._version),
            "labels": labels or {},
        }
        return {"apiVersion": KINDS[kind].api_version, "kind": kind, "metadata": metadata}

    def child(self, kind: str, name: str, owner: str) -> Document:
        """A new object that carries our label."""
        return self.body(kind, name, {LABEL_MODELDEPLOYMENT: owner})

    async def respond(self, request: web.Request, body: Any) -> web.StreamResponse:
        """Answer one request."""
        if request.headers.get("Authorization") != self.token:
            return web.json_response({"kind": "Status", "code": 401}, status=401)
        discovered = self._discover(request.path)
        if discovered is not None:
            return web.json_response(discovered)
        if "/leases/" in request.path:
            return self._lease(request.method, request.path, body)
        kind = self._kind_at(request.path)
        if kind is None or kind.name not in self.installed:
            return web.Response(status=404, text="404 page not found\n")
        selector = request.query.get("labelSelector", "")
        if "watch" in request.query:
            return await self._watch(request, kind.name, selector)
        self.listed.append((kind.name, selector))
        return web.json_response(
            {"kind": f"{kind.name}List", "metadata": {"resourceVersion": "100"}, "items": self.objects[kind.name]}
        )

    async def _watch(self, request: web.Request, kind: str, selector: str) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        stream: asyncio.Queue[Document | None] = asyncio.Queue()
        self._streams[kind].append(stream)
        self.watched.append((kind, selector))
        self._changed.set()
        with contextlib.suppress(ConnectionError):
            while (event := await stream.get()) is not None:
                await response.write(json.dumps(event).encode() + b"\n")
        return response

    def _lease(self, method: str, path: str, body: Any) -> web.Response:
        present = self.leases.get(path)
        if method == "PUT":
            version = body["metadata"].get("resourceVersion")
            if version != (present["metadata"]["resourceVersion"] if present else None):
                return web.json_response({"kind": "Status", "reason": "Conflict", "code": 409}, status=409)
            self._version += 1
            metadata = {**body["metadata"], "resourceVersion": str(self._version)}
            present = self.leases[path] = {**body, "metadata": metadata}
        if present is None:
            status = {"kind": "Status", "reason": "NotFound", "details": {"name": path.rpartition("/")[2]}, "code": 404}
            return web.json_response(status, status=404)
        return web.json_response(present)

    def _served(self) -> list[Kind]:
        return [KINDS[name] for name in self.installed]

    def _kind_at(self, path: str) -> Kind | None:
        return next((kind for kind in self._served() if path == kind.path(None)), None)

    def _discover(self, path: str) -> Document | None:
        if path == "/api":
            return {"versions": ["v1"]}
        if path == "/apis":
            grouped = {kind.group: kind.version for kind in self._served() if kind.group}
            groups = [
                {"name": group, "versions": [{"version": version}], "preferredVersion": {"version": version}}
                for group, version in {**grouped, "apiextensions.k8s.io": "v1"}.items()
            ]
            return {"groups": groups}
        if path == "/apis/apiextensions.k8s.io/v1":
            return {"resources": [_resource("customresourcedefinitions", "CustomResourceDefinition", False)]}
        kinds = [kind for kind in self._served() if kind.base == path]
        if not kinds and path != "/api/v1":
            return None
        resources = [_resource(kind.plural, kind.name, True) for kind in kinds]
        if path == "/api/v1":
            resources.append(_resource("namespaces", "Namespace", False))
        return {"resources": resources}


def _resource(plural: str, kind: str, namespaced: bool) -> Document:
    return {
        "name": plural,
        "singularName": kind.lower(),
        "kind": kind,
        "namespaced": namespaced,
        "verbs": ["list", "watch"],
    }
