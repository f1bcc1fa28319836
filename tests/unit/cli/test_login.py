"""The way into a cluster: a server that is there, and answers well or badly."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import yaml

from tests.unit.cli.double import Shell, body_of
from tests.unit.rollout.world import serving
from tidegate.cli import app, main
from tidegate.cli.cluster import Cluster, connect


@dataclass
class Server:
    """Answers every request with the same, and remembers what it was asked."""

    answer: bytes = b"{}"
    code: int = 200
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    port: int = 0

    def handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                server.asked.append(
                    (self.command, self.path, {name.lower(): text for name, text in self.headers.items()}, body)
                )
                self.send_response(server.code)
                self.end_headers()
                self.wfile.write(server.answer)

            do_GET = do_PATCH = _answer  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    http = ThreadingHTTPServer(("127.0.0.1", 0), found.handler())
    found.port = http.server_port
    thread = Thread(target=http.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield found
    http.shutdown()
    http.server_close()
    thread.join()


@pytest.fixture
def kubeconfig(server: Server, tmp_path: Path) -> str:
    file = tmp_path / "config"
    contexts = [
        {"name": "one", "context": {"cluster": "c", "user": "u", "namespace": "models"}},
        {"name": "two", "context": {"cluster": "c", "user": "u"}},
    ]
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "one",
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.port}"}}],
        "users": [{"name": "u", "user": {"token": "secret"}}],
        "contexts": contexts,
    }
    file.write_text(yaml.safe_dump(content))
    return str(file)


Asked = Callable[[Cluster], object]


@pytest.mark.parametrize(
    ("namespace", "context", "expected"),
    [(None, None, "models"), (None, "two", "default"), ("other", None, "other"), ("other", "two", "other")],
)
def test_the_namespace_is_that_of_the_option_or_the_context(
    namespace: str | None, context: str | None, expected: str, kubeconfig: str
) -> None:
    assert connect(namespace, context, kubeconfig).namespace == expected


def test_credentials_are_sent(kubeconfig: str, server: Server) -> None:
    server.answer = json.dumps({"items": [body_of(serving())]}).encode()
    assert len(connect(None, None, kubeconfig).deployments()) == 1
    ((method, path, headers, _),) = server.asked
    assert (method, path) == ("GET", "/apis/tidegate.dev/v1alpha1/namespaces/models/modeldeployments")
    assert headers["authorization"] == "Bearer secret"


def test_a_request_is_a_merge_patch_bound_to_the_version_read(kubeconfig: str, server: Server) -> None:
    connect(None, None, kubeconfig).annotate(body_of(serving(), version="7"), "pause", "x/1")
    ((method, path, headers, body),) = server.asked
    assert (method, headers["content-type"]) == ("PATCH", "application/merge-patch+json")
    assert path.endswith("/namespaces/demo/modeldeployments/filetype")
    assert json.loads(body) == {"metadata": {"resourceVersion": "7", "annotations": {"tidegate.dev/pause": "x/1"}}}


def test_a_plan_is_a_dry_run_that_refuses_unknown_fields(kubeconfig: str, server: Server) -> None:
    connect(None, None, kubeconfig).dry_run({"metadata": {"name": "filetype"}})
    ((method, path, headers, body),) = server.asked
    assert (method, headers["content-type"]) == ("PATCH", "application/apply-patch+yaml")
    assert "dryRun=All" in path
    assert "fieldValidation=Strict" in path
    assert yaml.safe_load(body) == {"metadata": {"name": "filetype"}}


@pytest.mark.parametrize(
    ("code", "answer", "told"),
    [
        (200, b"<html>log in</html>", "cannot be reached: what answers there is no API server"),
        (503, b"busy", "answers HTTP 503"),
        (404, b"404 page not found", "serves no modeldeployments.tidegate.dev"),
        (401, b"{}", "does not accept the credentials"),
        (403, b'{"message": "eve may not"}', "you may not list modeldeployments.tidegate.dev in namespace models (eve"),
    ],
)
def test_a_bad_answer_is_one_sentence(
    code: int, answer: bytes, told: str, kubeconfig: str, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    server.code, server.answer = code, answer
    assert app.run(["get", "--kubeconfig", kubeconfig]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert told in err


def test_options_reach_the_cluster(shell: Shell) -> None:
    shell.api.put(body_of(serving(), namespace="models"))
    assert shell("get", "filetype", "--namespace", "models")[0] == 0
    assert shell.namespaces == ["models"]


# ---- the program itself ----------------------------------------------------------------------------------------------


def raising(error: Exception) -> Callable[[], int]:
    def run() -> int:
        raise error

    return run


def test_a_mistake_of_ours_is_no_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(app, "run", raising(ZeroDivisionError("by 0")))
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        "tidegate: ZeroDivisionError: by 0; this is a mistake of ours, please report it\n"
    )


def test_completion_is_offered(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        app.run(["--show-completion", "bash"])
    assert ended.value.code == 0
    assert "complete -o default" in capsys.readouterr().out
