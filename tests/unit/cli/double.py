"""A stand-in for the API server as `tidegate.cli.login.Send` reaches it, and ModelDeployments to put there."""

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.unit.rollout.world import NAME, World
from tidegate.api.names import API_GROUP, KIND, VERSION
from tidegate.cli import cluster
from tidegate.cli.app import run
from tidegate.cli.cluster import Cluster
from tidegate.clients.errors import api_error
from tidegate.clients.kinds import KINDS
from tidegate.clients.transport import APPLY_PATCH, Document, Request

NAMESPACE = "demo"


def body_of(world: World, *, name: str = NAME, namespace: str = NAMESPACE, version: str = "1") -> Document:
    """The ModelDeployment of a world as the API server has it."""
    return {
        "apiVersion": f"{API_GROUP}/{VERSION}",
        "kind": KIND,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": "uid-1",
            "generation": world.generation,
            "resourceVersion": version,
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "annotations": dict(world.annotations),
        },
        "spec": world.spec.model_dump(mode="json", by_alias=True, exclude_none=True),
        "status": world.status.model_dump(mode="json", by_alias=True, exclude_none=True),
    }


@dataclass
class Api:
    """Objects by path. What it refuses it says in the words of the real one."""

    objects: dict[str, Document] = field(default_factory=dict)
    refuse: dict[tuple[str, str], tuple[int, dict[str, Any]]] = field(default_factory=dict)
    """Verb and plural name to the code and Status of the answer."""
    before: Callable[[Request], None] = lambda request: None
    after: Callable[[Request, Document], None] = lambda request, found: None
    sent: list[Request] = field(default_factory=list)

    def put(self, body: Document, kind: str = KIND) -> None:
        """Add an object."""
        meta = body["metadata"]
        self.objects[KINDS[kind].path(meta["namespace"], meta["name"])] = body

    def __call__(self, request: Request) -> Document:
        self.sent.append(request)
        self.before(request)
        if (answer := self.refuse.get((request.verb, request.kind.plural))) is not None:
            raise api_error(request.what, answer[0], {}, json.dumps(answer[1]).encode())
        if request.verb == "list":
            return {
                "items": [copy.deepcopy(found) for path, found in self.objects.items() if self._is_in(path, request)]
            }
        if request.content_type == APPLY_PATCH:
            assert request.query["dryRun"] == "All"
            return {**request.body, "metadata": {**request.body["metadata"], "uid": "made up"}}
        found = self.objects.get(request.path)
        if found is None:
            status = {"message": f"{request.path} not found", "details": {"name": request.path.rpartition("/")[2]}}
            raise api_error(request.what, 404, {}, json.dumps(status).encode())
        return self._patched(request, found) if request.method == "PATCH" else copy.deepcopy(found)

    def _is_in(self, path: str, request: Request) -> bool:
        inside = path.startswith(f"{request.path}/")
        everywhere = "/namespaces/" not in request.path and f"/{request.kind.plural}/" in path
        return inside or (everywhere and path.startswith(request.kind.base))

    def _patched(self, request: Request, found: Document) -> Document:
        meta, wanted = found["metadata"], request.body["metadata"]
        if wanted.get("resourceVersion", meta["resourceVersion"]) != meta["resourceVersion"]:
            raise api_error(request.what, 409, {}, b'{"reason": "Conflict", "message": "it was changed"}')
        meta["annotations"] = {**meta.get("annotations", {}), **wanted["annotations"]}
        meta["resourceVersion"] += "+"
        self.after(request, found)
        return copy.deepcopy(found)


def forbidden(verb: str, plural: str) -> tuple[int, dict[str, Any]]:
    """The answer of an API server to somebody without the right."""
    words = f'{plural} is forbidden: User "eve" cannot {verb} resource "{plural}"'
    return 403, {"reason": "Forbidden", "message": words}


@dataclass
class Shell:
    """Runs commands against an `Api`."""

    api: Api
    capsys: pytest.CaptureFixture[str]
    namespaces: list[str | None] = field(default_factory=list)

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, standard output, standard error."""
        code = run(arguments)
        told = self.capsys.readouterr()
        return code, told.out, told.err

    def refusal(self, *arguments: str, code: int = 2) -> str:
        """The one sentence of a command that cannot be done."""
        found, out, err = self(*arguments)
        assert (found, out, err.count("\n")) == (code, "", 1), (found, out, err)
        assert err.startswith("tidegate: ")
        return err.removeprefix("tidegate: ").strip()


def shell_on(api: Api, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    """Commands that reach `api` whatever they ask for."""
    shell = Shell(api, capsys)

    def connect(namespace: str | None, context: str | None, kubeconfig: str | None) -> Cluster:
        shell.namespaces.append(namespace)
        return Cluster(api, namespace=namespace or NAMESPACE, address="https://api.example.com")

    monkeypatch.setattr(cluster, "connect", connect)
    return shell
