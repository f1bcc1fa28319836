"""`tidegate get`, and what every command about a cluster says where it cannot go on."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from tests.unit.cli.double import Api, Shell, body_of, forbidden
from tests.unit.rollout.world import serving, spec_of
from tidegate.cli.app import run
from tidegate.cli.get import table
from tidegate.cli.text import age, columns
from tidegate.clients.errors import ApiUnavailable
from tidegate.clients.transport import Request

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def stepping() -> dict[str, object]:
    """A ModelDeployment whose candidate has 5 % of the traffic."""
    world = serving()
    candidate = world.apply(spec_of("2"))
    world.run_until(lambda world: world.weight_of(candidate) == 50_000)
    return body_of(world)


def test_a_row_says_what_serves_what_comes_in_and_what_is_missing() -> None:
    header, line = table([stepping()], NOW + timedelta(hours=3), everywhere=False, wide=True).splitlines()
    assert header.split() == ["NAME", "READY", "STABLE", "CANDIDATE", "WEIGHT", "STEP", "WAITS", "FOR", "AGE"]
    cells = [cell.strip() for cell in line.split("   ") if cell.strip()]
    assert cells[:2] == ["filetype", "False"]
    assert cells[4:6] == ["5%", "1/3 weight 5%"]
    assert cells[6].startswith("held, NotYetCounted:") or cells[6].startswith("Stepping:")
    assert cells[-1] == "3h"


def test_long_messages_are_cut_unless_all_is_asked_for() -> None:
    short, wide = (table([stepping()], NOW, everywhere=False, wide=wide).splitlines()[1] for wide in (False, True))
    assert len(short) <= len(wide)
    assert "…" not in wide


def test_names_that_are_alike_are_told_apart_by_namespace(api: Api, shell: Shell) -> None:
    for namespace in ("north", "south"):
        api.put(body_of(serving(), namespace=namespace))
    code, out, _ = shell("get", "-A")
    assert code == 0
    assert [line.split()[:2] for line in out.splitlines()[1:]] == [["north", "filetype"], ["south", "filetype"]]


def test_what_another_version_stored_does_not_hide_the_others(api: Api, shell: Shell) -> None:
    api.put(body_of(serving()))
    broken = body_of(serving(), name="other")
    broken["status"]["rollout"] = {"phase": "Sleeping"}
    api.put(broken)
    code, out, _ = shell("get")
    assert code == 0
    assert [line.split()[1] for line in out.splitlines()[1:]] == ["True", "Unknown"]


@pytest.mark.parametrize(("output", "read"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_one_object_is_printed_as_it_is(api: Api, shell: Shell, output: str, read: object) -> None:
    api.put(body_of(serving()))
    _, out, _ = shell("get", "mdep/filetype", "-o", output)
    assert callable(read)
    assert read(out) == body_of(serving())


def test_many_objects_are_printed_as_a_list(api: Api, shell: Shell) -> None:
    api.put(body_of(serving()))
    assert json.loads(shell("get", "-o", "json")[1])["kind"] == "List"
    assert shell("get", "-o", "name")[1] == "modeldeployments.tidegate.dev/filetype\n"


# ---- what cannot be done ---------------------------------------------------------------------------------------------


def test_a_name_that_is_not_there_is_answered_with_the_nearest_ones(api: Api, shell: Shell) -> None:
    api.put(body_of(serving()))
    told = shell.refusal("get", "filetpye")
    assert told == "there is no ModelDeployment 'filetpye' in namespace demo; did you mean filetype?"


def test_a_namespace_that_is_not_there_is_told_apart_from_an_empty_one(api: Api, shell: Shell) -> None:
    api.objects["/api/v1/namespaces/models"] = {"metadata": {"name": "models"}}
    assert shell.refusal("get", "-n", "model") == "there is no namespace 'model'; did you mean models?"
    assert shell("get", "-n", "models") == (0, "", "there is no ModelDeployment in namespace models\n")


def test_rights_that_are_missing_are_named(api: Api, shell: Shell) -> None:
    api.refuse["list", "modeldeployments"] = forbidden("list", "modeldeployments.tidegate.dev")
    told = shell.refusal("get")
    assert told.startswith("you may not list modeldeployments.tidegate.dev in namespace demo")
    assert told.endswith("ask for a role that has the verb list")


def test_a_cluster_without_the_definition_is_told_of(api: Api, shell: Shell) -> None:
    api.refuse["get", "modeldeployments"] = (404, {})
    told = shell.refusal("get", "filetype")
    assert told.startswith("https://api.example.com serves no modeldeployments.tidegate.dev; install Tidegate")


def test_a_cluster_that_is_away_is_told_of(api: Api, shell: Shell) -> None:
    def away(request: Request) -> None:
        raise ApiUnavailable("Connection refused")

    api.before = away
    told = shell.refusal("get")
    assert told.startswith("https://api.example.com cannot be reached: Connection refused; does the cluster run")


def test_credentials_that_ran_out_are_told_of(api: Api, shell: Shell) -> None:
    api.refuse["list", "modeldeployments"] = (401, {"message": "Unauthorized"})
    assert "does not accept the credentials" in shell.refusal("get")


def test_a_name_in_all_namespaces_is_a_mistake(shell: Shell) -> None:
    assert "found a name and --all-namespaces" in shell.refusal("get", "filetype", "-A")


def test_an_unknown_command_is_a_mistake(shell: Shell) -> None:
    assert shell.refusal("gte").startswith("No such command 'gte'")


# ---- the kubeconfig --------------------------------------------------------------------------------------------------

CONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "one",
    "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
    "users": [{"name": "u", "user": {"token": "t"}}],
    "contexts": [{"name": "one", "context": {"cluster": "c", "user": "u", "namespace": "models"}}],
}


def complaint(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(["get", *arguments]) == 2
    told = capsys.readouterr()
    assert told.err.count("\n") == 1
    return told.err


def test_a_real_cluster_that_is_away_is_told_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "config"
    file.write_text(yaml.safe_dump(CONFIG))
    told = complaint(capsys, "--kubeconfig", str(file))
    assert told.startswith("tidegate: http://127.0.0.1:1 cannot be reached:")
    assert "did you mean one?" in complaint(capsys, "--kubeconfig", str(file), "--context", "oen")


@pytest.mark.parametrize("content", ["", "[1]", "just words", "a: [", "{}"])
def test_a_file_that_is_no_kubeconfig_is_told_of(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "config"
    file.write_text(content)
    assert str(file) in complaint(capsys, "--kubeconfig", str(file))


def test_a_missing_kubeconfig_is_told_of(capsys: pytest.CaptureFixture[str]) -> None:
    assert "there is no kubeconfig at /nowhere/config" in complaint(capsys, "--kubeconfig", "/nowhere/config")


# ---- words -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0s"), (119, "119s"), (120, "2m"), (7200, "2h"), (172_799, "47h"), (172_800, "2d")]
)
def test_ages_are_short(seconds: int, shown: str) -> None:
    assert age(NOW, NOW + timedelta(seconds=seconds)) == shown


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert columns([("A", "B"), ("long", "x")]) == "A      B\nlong   x"
