"""The API server's client against a server that answers as the test says."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from kubernetes.aio.client.configuration import Configuration

from tests.component.conftest import Server
from tidegate.api.names import API_GROUP, KIND, VERSION
from tidegate.clients.errors import (
    AlreadyExists,
    ApiError,
    ApiUnavailable,
    Conflict,
    Forbidden,
    Invalid,
    KindMissing,
    LoginFailed,
    NotFound,
)
from tidegate.clients.kube import Kube
from tidegate.clients.login import load_configuration
from tidegate.clients.transport import Transport

SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "filetype-a", "namespace": "demo", "resourceVersion": "7"},
    "spec": {"ports": [{"port": 80}]},
}
RESOURCE = {
    "apiVersion": f"{API_GROUP}/{VERSION}",
    "kind": KIND,
    "metadata": {"name": "filetype", "namespace": "demo", "uid": "u-1", "resourceVersion": "3"},
    "status": {"stable": "filetype-1"},
}

Call = Callable[[Kube], Awaitable[Any]]
CALLS: dict[str, Call] = {
    "get": lambda kube: kube.get("Pod", "demo", "x"),
    "list": lambda kube: kube.list("Pod", "demo"),
    "apply": lambda kube: kube.apply(SERVICE),
    "replace_status": lambda kube: kube.replace_status(RESOURCE),
    "scale": lambda kube: kube.scale("Deployment", "demo", "x", 3, version="7"),
    "delete": lambda kube: kube.delete("Pod", "demo", "x"),
    "serves": lambda kube: kube.serves("HTTPRoute"),
}


class Client:
    """A client with what it told its observer, and the credentials it would be given next."""

    def __init__(self, url: str) -> None:
        self.observed: list[tuple[str, str, str]] = []
        self.fresh_token = "bearer fresh"
        transport = Transport(
            _configuration(url, "bearer stale"),
            reload=self._reload,
            timeout=0.25,
            observe=lambda *exchange: self.observed.append(exchange),
        )
        self.url = url
        self.kube = Kube(transport)

    async def _reload(self) -> Configuration:
        return _configuration(self.url, self.fresh_token)


def _configuration(url: str, token: str) -> Configuration:
    configuration = Configuration(host=url)
    configuration.api_key["BearerToken"] = token
    return configuration


@pytest.fixture
async def client(server: Server) -> AsyncIterator[Client]:
    one = Client(server.url)
    yield one
    await one.kube.close()


def status(code: int, reason: str = "", message: str = "as the test says", **details: Any) -> web.Response:
    body = {"kind": "Status", "code": code, "reason": reason, "message": message, "details": details}
    return web.json_response(body, status=code)


def always(response: Callable[[], web.Response]) -> Callable[[web.Request, Any], Awaitable[web.StreamResponse]]:
    async def respond(request: web.Request, body: Any) -> web.StreamResponse:
        return response()

    return respond


async def test_get_reads_one_object(client: Client, server: Server) -> None:
    server.respond = always(lambda: web.json_response(SERVICE))
    assert await client.kube.get("HTTPRoute", "demo", "filetype") == SERVICE
    (exchange,) = server.seen
    assert (exchange.method, exchange.path) == (
        "GET",
        "/apis/gateway.networking.k8s.io/v1/namespaces/demo/httproutes/filetype",
    )
    assert exchange.headers["authorization"] == "bearer stale"
    assert client.observed == [("get", "HTTPRoute", "200")]


async def test_a_name_cannot_leave_its_place_in_the_path(client: Client, server: Server) -> None:
    await client.kube.get("Pod", "demo", "../../secrets?x")
    assert server.seen[0].query == {}
    assert server.seen[0].path == "/api/v1/namespaces/demo/pods/..%2F..%2Fsecrets%3Fx"


@pytest.mark.parametrize("named", [True, False])
async def test_get_of_what_is_not_there_is_none(client: Client, server: Server, named: bool) -> None:
    server.respond = always(lambda: status(404, "NotFound", name="x") if named else _page_not_found())
    assert await client.kube.get("Pod", "demo", "x") is None


def _page_not_found() -> web.Response:
    return web.Response(status=404, text="404 page not found\n")


async def test_list_names_the_kind_of_each_item(client: Client, server: Server) -> None:
    server.respond = always(lambda: web.json_response({"kind": "PodList", "items": [{"metadata": {"name": "x"}}]}))
    items = await client.kube.list("Pod", "demo", "app=x,tier in (a,b)")
    assert items == [{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}}]
    assert server.seen[0].query == {"labelSelector": "app=x,tier in (a,b)"}


async def test_list_can_leave_out_everything_but_metadata_and_span_namespaces(client: Client, server: Server) -> None:
    assert await client.kube.list(KIND, None, metadata_only=True) == []
    assert server.seen[0].path == "/apis/tidegate.dev/v1alpha1/modeldeployments"
    assert "as=PartialObjectMetadataList" in server.seen[0].headers["Accept"]


async def test_list_of_a_kind_that_is_not_installed_is_empty(client: Client, server: Server) -> None:
    server.respond = always(_page_not_found)
    assert await client.kube.list("HTTPRoute", "demo") == []


async def test_apply_is_server_side_and_keeps_the_fence(client: Client, server: Server) -> None:
    server.respond = always(lambda: web.json_response({**SERVICE, "spec": {}}))
    assert (await client.kube.apply(SERVICE))["spec"] == {}
    (exchange,) = server.seen
    assert (exchange.method, exchange.path) == ("PATCH", "/api/v1/namespaces/demo/services/filetype-a")
    assert exchange.query == {"fieldManager": "tidegate", "force": "true"}
    assert exchange.headers["Content-Type"] == "application/apply-patch+yaml"
    assert exchange.body == SERVICE


async def test_apply_without_force_says_who_owns_the_field(client: Client, server: Server) -> None:
    cause = {"reason": "FieldManagerConflict", "field": ".spec.ports", "message": 'conflict with "kubectl-edit"'}
    server.respond = always(lambda: status(409, "Conflict", causes=[cause]))
    with pytest.raises(Conflict) as caught:
        await client.kube.apply(SERVICE, force=False)
    assert server.seen[0].query["force"] == "false"
    assert caught.value.has_cause("FieldManagerConflict")
    assert caught.value.causes[0].message == 'conflict with "kubectl-edit"'


async def test_a_document_of_another_version_is_not_sent(client: Client, server: Server) -> None:
    with pytest.raises(ValueError, match="found a apps/v1beta1 Deployment"):
        await client.kube.apply({**SERVICE, "apiVersion": "apps/v1beta1", "kind": "Deployment"})
    assert server.seen == []


async def test_status_is_replaced_at_the_version_read(client: Client, server: Server) -> None:
    await client.kube.replace_status(RESOURCE)
    (exchange,) = server.seen
    path = "/apis/tidegate.dev/v1alpha1/namespaces/demo/modeldeployments/filetype/status"
    assert (exchange.method, exchange.path) == ("PUT", path)
    assert exchange.body["metadata"]["resourceVersion"] == "3"


async def test_status_without_a_version_is_not_sent(client: Client, server: Server) -> None:
    with pytest.raises(Invalid, match="resourceVersion"):
        await client.kube.replace_status({**RESOURCE, "metadata": {"name": "x", "namespace": "demo"}})
    assert server.seen == []


async def test_scale_touches_replicas_only(client: Client, server: Server) -> None:
    await client.kube.scale("Deployment", "demo", "filetype-1", 0, version="7")
    (exchange,) = server.seen
    assert (exchange.method, exchange.path) == ("PATCH", "/apis/apps/v1/namespaces/demo/deployments/filetype-1/scale")
    assert exchange.headers["Content-Type"] == "application/merge-patch+json"
    assert exchange.body == {"metadata": {"resourceVersion": "7"}, "spec": {"replicas": 0}}


async def test_delete_is_of_this_very_object_and_in_the_background(client: Client, server: Server) -> None:
    await client.kube.delete("Pod", "demo", "x", uid="u-7", version="7", grace_seconds=0)
    await client.kube.delete("Pod", "demo", "x")
    assert [exchange.body for exchange in server.seen] == [
        {
            "kind": "DeleteOptions",
            "apiVersion": "v1",
            "propagationPolicy": "Background",
            "preconditions": {"uid": "u-7", "resourceVersion": "7"},
            "gracePeriodSeconds": 0,
        },
        {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"},
    ]


async def test_delete_of_what_is_gone_is_fine(client: Client, server: Server) -> None:
    server.respond = always(lambda: status(404, "NotFound", name="x"))
    await client.kube.delete("Pod", "demo", "x")
    assert client.observed == [("delete", "Pod", "404")]


async def test_an_event_regards_the_object(client: Client, server: Server) -> None:
    await client.kube.create_event(RESOURCE, type="Warning", reason="RolledBack", message="x" * 2000)
    (exchange,) = server.seen
    assert (exchange.method, exchange.path) == ("POST", "/apis/events.k8s.io/v1/namespaces/demo/events")
    assert exchange.body["type"] == "Warning"
    assert len(exchange.body["note"]) == 1024
    assert exchange.body["note"].endswith("...")
    assert exchange.body["regarding"] == {
        "apiVersion": "tidegate.dev/v1alpha1",
        "kind": "ModelDeployment",
        "namespace": "demo",
        "name": "filetype",
        "uid": "u-1",
    }


async def test_s38_a_failing_events_api_stops_nothing(
    client: Client, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    server.respond = always(lambda: status(500, "InternalError", "etcd is tired"))
    with caplog.at_level(logging.WARNING):
        await client.kube.create_event(RESOURCE, type="Normal", reason="Promoted", message="done")
    assert "event Promoted could not be posted" in caplog.text
    assert "etcd is tired" in caplog.text


@pytest.mark.parametrize(
    ("code", "reason", "details", "error"),
    [
        (400, "BadRequest", {}, Invalid),
        (401, "Unauthorized", {}, ApiUnavailable),
        (403, "Forbidden", {"name": "x"}, Forbidden),
        (404, "NotFound", {"name": "x"}, NotFound),
        (404, "NotFound", {}, KindMissing),
        (408, "Timeout", {}, ApiUnavailable),
        (409, "Conflict", {"name": "x"}, Conflict),
        (409, "AlreadyExists", {"name": "x"}, AlreadyExists),
        (413, "RequestEntityTooLarge", {}, Invalid),
        (422, "Invalid", {"name": "x"}, Invalid),
        (429, "TooManyRequests", {}, ApiUnavailable),
        (500, "InternalError", {}, ApiUnavailable),
        (503, "ServiceUnavailable", {}, ApiUnavailable),
        (504, "Timeout", {}, ApiUnavailable),
    ],
)
async def test_s38_every_code_is_one_of_our_errors(
    client: Client, server: Server, code: int, reason: str, details: dict[str, Any], error: type[ApiError]
) -> None:
    server.respond = always(lambda: status(code, reason, "the server's words", **details))
    with pytest.raises(error, match="the server's words") as caught:
        await client.kube.apply(SERVICE)
    assert type(caught.value) is error
    assert caught.value.code == code
    assert client.observed[-1] == ("apply", "Service", str(code))


async def test_s31_a_namespace_on_its_way_out_is_told(client: Client, server: Server) -> None:
    cause = {"reason": "NamespaceTerminating", "field": "metadata.namespace", "message": "is being terminated"}
    server.respond = always(lambda: status(403, "Forbidden", causes=[cause]))
    with pytest.raises(Forbidden) as caught:
        await client.kube.apply(SERVICE)
    assert caught.value.has_cause("NamespaceTerminating")
    assert not caught.value.has_cause("SomethingElse")


async def test_s38_429_waits_as_asked_and_tries_once_more(client: Client, server: Server) -> None:
    answers = [web.Response(status=429, headers={"Retry-After": "0"}), web.json_response(SERVICE)]
    server.respond = always(lambda: answers.pop(0))
    assert await client.kube.get("Service", "demo", "filetype-a") == SERVICE
    assert [code for _, _, code in client.observed] == ["429", "200"]


async def test_s38_429_twice_is_handed_on_with_the_time_to_wait(client: Client, server: Server) -> None:
    server.respond = always(lambda: web.Response(status=429, headers={"Retry-After": "0"}))
    with pytest.raises(ApiUnavailable) as caught:
        await client.kube.get("Service", "demo", "filetype-a")
    assert caught.value.retry_after == 0
    assert len(server.seen) == 2


@pytest.mark.parametrize("retry_after", ["3600", "Wed, 21 Oct 2026 07:28:00 GMT", ""])
async def test_s38_a_long_or_unreadable_wait_is_left_to_the_queue(
    client: Client, server: Server, retry_after: str
) -> None:
    server.respond = always(lambda: web.Response(status=429, headers={"Retry-After": retry_after}))
    with pytest.raises(ApiUnavailable) as caught:
        await client.kube.get("Service", "demo", "filetype-a")
    assert caught.value.retry_after == (3600 if retry_after == "3600" else None)
    assert len(server.seen) == 1


async def test_s38_a_rotated_token_is_taken_up_at_the_first_refusal(client: Client, server: Server) -> None:
    async def respond(request: web.Request, body: Any) -> web.StreamResponse:
        fresh = request.headers["authorization"] == "bearer fresh"
        return web.json_response(SERVICE) if fresh else status(401, "Unauthorized")

    server.respond = respond
    for _ in range(2):
        assert await client.kube.get("Service", "demo", "filetype-a") == SERVICE
    assert [code for _, _, code in client.observed] == ["401", "200", "200"]


@pytest.mark.parametrize("name", CALLS)
async def test_s37_a_hanging_connection_is_given_up(client: Client, server: Server, name: str) -> None:
    async def respond(request: web.Request, body: Any) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError("never")

    server.respond = respond
    with pytest.raises(ApiUnavailable, match=r"no answer from http://127.* within 0.25 s"):
        await CALLS[name](client.kube)
    assert client.observed[-1][2] == "error"


async def test_s37_a_body_that_never_ends_is_given_up(client: Client, server: Server) -> None:
    async def respond(request: web.Request, body: Any) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b'{"items": [')
        await asyncio.Event().wait()
        return response

    server.respond = respond
    with pytest.raises(ApiUnavailable, match="no answer"):
        await client.kube.list("Pod", "demo")


@pytest.mark.parametrize("name", CALLS)
async def test_s37_a_server_that_is_down_is_unavailable(refusing_url: str, name: str) -> None:
    client = Client(refusing_url)
    with pytest.raises(ApiUnavailable, match="cannot be reached"):
        await CALLS[name](client.kube)
    await client.kube.close()


async def test_s37_a_server_that_hangs_up_is_unavailable(client: Client, server: Server) -> None:
    async def respond(request: web.Request, body: Any) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    server.respond = respond
    with pytest.raises(ApiUnavailable, match="cannot be reached"):
        await client.kube.apply(SERVICE)


@pytest.mark.parametrize("body", ["<html>Sign in</html>", "[]", "null", ""])
async def test_an_answer_that_is_no_object_is_no_answer(client: Client, server: Server, body: str) -> None:
    server.respond = always(lambda: web.Response(text=body))
    with pytest.raises(ApiUnavailable):
        await client.kube.get("Pod", "demo", "x")


async def test_serves_knows_a_kind_by_its_group(client: Client, server: Server) -> None:
    listing = {"resources": [{"name": "httproutes", "kind": "HTTPRoute"}]}
    server.respond = always(lambda: web.json_response(listing))
    assert await client.kube.serves("HTTPRoute")
    assert not await client.kube.serves("Gateway")
    server.respond = always(_page_not_found)
    assert not await client.kube.serves("HTTPRoute")


async def test_the_service_account_is_used_in_a_pod_and_its_token_read_anew(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("certificate")
    (tmp_path / "token").write_text("first")
    environ = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}
    configuration = await load_configuration(environ=environ, service_account=tmp_path)
    assert configuration.host == "https://[fd00::1]:443"
    assert await configuration.get_api_key_with_prefix("BearerToken") == "bearer first"
    (tmp_path / "token").write_text("second")
    again = await load_configuration(environ=environ, service_account=tmp_path)
    assert await again.get_api_key_with_prefix("BearerToken") == "bearer second"


async def test_a_kubeconfig_comes_first_and_its_contexts_can_be_chosen(tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    clusters = [{"name": name, "cluster": {"server": f"https://{name}"}} for name in ("one", "two")]
    contexts = [{"name": name, "context": {"cluster": name, "user": "me"}} for name in ("one", "two")]
    users = [{"name": "me", "user": {"token": "secret"}}]
    document = {"current-context": "one", "clusters": clusters, "contexts": contexts, "users": users}
    file.write_text(json.dumps(document))
    environ = {"KUBECONFIG": str(file), "KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    assert (await load_configuration(environ=environ)).host == "https://one"
    assert (await load_configuration("two", environ=environ)).host == "https://two"
    with pytest.raises(LoginFailed, match="no way into a cluster"):
        await load_configuration("three", environ=environ)


async def test_no_way_in_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(LoginFailed, match="set KUBECONFIG or run in a pod"):
        await load_configuration(environ={"KUBECONFIG": str(tmp_path / "absent")})
    in_pod = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    with pytest.raises(LoginFailed, match="token"):
        await load_configuration(environ=in_pod, service_account=tmp_path)
