"""`tidegate lint` as people and CI use it."""

import io
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.cli.double import Shell
from tidegate.api.spec import ModelDeploymentSpec
from tidegate.cli.advise import advice_on
from tidegate.cli.manifest import manifests

GOOD: dict[str, Any] = {
    "apiVersion": "tidegate.dev/v1alpha1",
    "kind": "ModelDeployment",
    "metadata": {"name": "filetype"},
    "spec": {
        "model": {"source": {"image": {"reference": f"registry.example.com/filetype@sha256:{'0' * 64}"}}},
        "runtime": {"triton": {}},
        "replicas": 2,
        "resources": {"limits": {"nvidia.com/gpu": 1, "memory": "8Gi"}},
        "traffic": {"parentRefs": [{"name": "inference"}], "hostnames": ["filetype.example.com"]},
        "rollout": {"analysis": {"latency": {"boundMilliseconds": 250}}},
    },
}


def changed(**fields: Any) -> dict[str, Any]:
    """The good document with other values of fields of the spec."""
    return {**GOOD, "spec": {**GOOD["spec"], **fields}}


@pytest.fixture
def linted(tmp_path: Path, shell: Shell) -> Any:
    """Run it on documents in a file."""

    def run(*documents: Any, strict: bool = False) -> tuple[int, str, str]:
        file = tmp_path / "file.yaml"
        file.write_text(yaml.safe_dump_all(documents, sort_keys=False))
        code, out, err = shell("lint", "-f", str(file), *(["--strict"] if strict else []))
        return code, out.replace(str(file), "file.yaml"), err.replace(str(file), "file.yaml")

    return run


def test_a_good_file_needs_no_advice(linted: Any) -> None:
    assert linted(GOOD, strict=True) == (0, "1 ModelDeployment: 0 errors, 0 of advice\n", "")


def test_an_error_names_its_line(linted: Any) -> None:
    code, out, _ = linted(changed(replicas=0))
    line = yaml.safe_dump(changed(replicas=0), sort_keys=False).splitlines().index("  replicas: 0") + 1
    assert code == 1
    assert out.splitlines()[0] == f"file.yaml:{line}: error: spec.replicas: found 0; expected at least 1"


def test_rules_across_fields_are_checked(linted: Any) -> None:
    code, out, _ = linted(changed(rollout={"steps": [{"weight": {"percent": 50}}, {"weight": {"percent": 5}}]}))
    assert code == 1
    assert "spec.rollout.steps: found [50, 5]; expected weights that do not fall" in out


def test_advice_fails_where_told_to(linted: Any) -> None:
    document = changed(replicas=1)
    assert linted(document)[0] == 0
    code, out, _ = linted(document, strict=True)
    assert code == 1
    assert "advice: spec.replicas: 1 pod" in out
    assert out.endswith("1 ModelDeployment: 0 errors, 1 of advice\n")


def test_other_kinds_are_skipped_and_said_so(linted: Any) -> None:
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "filetype"}}
    code, out, err = linted(service, GOOD)
    assert (code, err) == (0, "file.yaml:1: skipped: Service filetype\n")
    assert out == "1 ModelDeployment: 0 errors, 0 of advice\n"


def test_every_document_is_checked(linted: Any) -> None:
    code, out, _ = linted(GOOD, changed(replicas=0), {"kind": "List", "items": [changed(replicas=-1)]})
    assert code == 1
    assert "3 ModelDeployments: 2 errors" in out


def test_another_version_is_an_error(linted: Any) -> None:
    code, out, _ = linted({**GOOD, "apiVersion": "tidegate.dev/v1"})
    assert code == 1
    assert 'apiVersion: found "tidegate.dev/v1"; expected tidegate.dev/v1alpha1' in out


def test_a_status_is_nobody_s_business(linted: Any) -> None:
    assert linted({**GOOD, "status": {"stable": 5}})[0] == 0


@pytest.mark.parametrize("metadata", [{}, {"name": 5}, None])
def test_a_document_without_a_name_is_an_error(metadata: Any, linted: Any) -> None:
    code, out, _ = linted({**GOOD, "metadata": metadata})
    assert code == 1
    assert "metadata.name: found none; expected" in out


@pytest.mark.parametrize("spec", [None, [], "x"])
def test_a_spec_that_is_none_is_an_error(spec: Any, linted: Any) -> None:
    code, out, _ = linted({**GOOD, "spec": spec})
    assert code == 1
    assert "error: spec: " in out


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b"---\n---\n", "is empty"),
        (b"a: [", "is not YAML"),
        (b"\xff\xfe\x00", "cannot be read"),
        (b"just words", "no ModelDeployment of tidegate.dev is in it"),
        (b"- 1\n- 2\n", "no ModelDeployment of tidegate.dev is in it"),
    ],
)
def test_a_wrong_file_is_a_mistake(content: bytes, told: str, tmp_path: Path, shell: Shell) -> None:
    file = tmp_path / "file.yaml"
    file.write_bytes(content)
    code, _, err = shell("lint", "-f", str(file))
    assert code == 2
    assert told in err.splitlines()[-1]


def test_a_missing_file_and_a_directory_are_mistakes(tmp_path: Path, shell: Shell) -> None:
    assert "cannot be read: No such file" in shell.refusal("lint", "-f", str(tmp_path / "missing.yaml"))
    assert "cannot be read: Is a directory" in shell.refusal("lint", "-f", str(tmp_path))


def test_standard_input_is_read(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(yaml.safe_dump(changed(replicas=0))))
    code, out, _ = shell("lint", "-f", "-")
    assert code == 1
    assert "error: spec.replicas" in out


def test_empty_documents_do_not_move_the_lines(tmp_path: Path, shell: Shell) -> None:
    file = tmp_path / "file.yaml"
    text = yaml.safe_dump(changed(replicas=0), sort_keys=False)
    file.write_text(f"---\n# nothing\n---\nnull\n---\n{text}")
    _, out, _ = shell("lint", "-f", str(file))
    assert out.startswith(f"{file}:{5 + text.splitlines().index('  replicas: 0') + 1}: error: spec.replicas")


def test_lines_are_those_of_the_nearest_field_there_is(tmp_path: Path) -> None:
    file = tmp_path / "file.yaml"
    file.write_text("# one\na:\n  - b: 1\n    c: 2\n  - b: 3\n")
    (manifest,) = manifests(file)
    assert [manifest.line(path) for path in ((), ("a",), ("a", 0, "c"), ("a", 1), ("a", 1, "z"), ("z",))] == [
        *(2, 2, 4, 5, 5, 2)
    ]


IMAGE = {"source": {"image": {"reference": "models/filetype:3.2"}}}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"model": IMAGE}, "spec.model.source.image.reference"),
        ({"runtime": {"triton": {"image": "triton:latest"}}}, "spec.runtime.triton.image"),
        ({"runtime": {"triton": {"image": "registry:5000/triton"}}}, "spec.runtime.triton.image"),
        ({"replicas": 1}, "spec.replicas"),
        ({"resources": {}}, "spec.resources"),
        ({"resources": {"limits": {"cpu": 1}}}, "spec.resources"),
        ({"traffic": {"parentRefs": [{"name": "inference"}]}}, "spec.traffic.hostnames"),
        ({"traffic": {**GOOD["spec"]["traffic"], "timeoutSeconds": 900}}, "spec.traffic.timeoutSeconds"),
    ],
)
def test_advice_on_the_spec(fields: dict[str, Any], field: str) -> None:
    spec = ModelDeploymentSpec.model_validate(changed(**fields)["spec"])
    assert [problem.field for problem in advice_on(spec)] == [field]


LATENCY = {"latency": {"boundMilliseconds": 250}}


@pytest.mark.parametrize(
    ("rollout", "field"),
    [
        ({"analysis": {}}, "spec.rollout.analysis.latency"),
        ({"steps": [{"pause": {"seconds": 5}}, {"ramp": {}}]}, "spec.rollout.steps[0]"),
        ({"steps": [{"ramp": {}}, {"pause": {}}]}, "spec.rollout.steps[1]"),
        ({"steps": [{"pause": {"seconds": 5}}]}, "spec.rollout.steps"),
        ({"keepPreviousSeconds": 0}, "spec.rollout.keepPreviousSeconds"),
        ({"analysis": {**LATENCY, "maxSeconds": 200_000}}, "spec.rollout.analysis.maxSeconds"),
        ({"analysis": {**LATENCY, "maxSeconds": 900}}, "spec.rollout.analysis.statistics.noHarm.minSeconds"),
    ],
)
def test_advice_on_the_rollout(rollout: dict[str, Any], field: str) -> None:
    spec = ModelDeploymentSpec.model_validate(changed(rollout={"analysis": LATENCY, **rollout})["spec"])
    assert [problem.field for problem in advice_on(spec)] == [field]


def test_a_server_image_by_version_or_digest_is_fine() -> None:
    for image in ("triton:24.10", "triton@sha256:00"):
        spec = ModelDeploymentSpec.model_validate(changed(runtime={"triton": {"image": image}})["spec"])
        assert advice_on(spec) == []
