"""`tidegate plan`: what applying a file would do, without doing it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.cli.double import Api, Shell, body_of, forbidden
from tests.unit.cli.situations import (
    first_revision_loads,
    just_promoted,
    loading,
    promoting,
    rolled_back,
    stepping,
    withdrawing,
)
from tests.unit.rollout.world import World, serving, spec_of
from tidegate.api.spec import ModelDeploymentSpec
from tidegate.cli.expectation import Traffic as Expected
from tidegate.cli.expectation import expectations, present_traffic
from tidegate.cli.foresee import effect_of, step_lines
from tidegate.cli.room import candidate_pods, needs, pods_that_fit
from tidegate.cli.view import parse

ONE, TWO, THREE = (spec_of(tag) for tag in ("1", "2", "3"))
FIRST, SECOND, THIRD = (World(spec=spec).revision() for spec in (ONE, TWO, THREE))


def with_gpus(spec: ModelDeploymentSpec, count: int = 1) -> ModelDeploymentSpec:
    document = spec.model_dump(mode="json", by_alias=True)
    document["resources"] = {"limits": {"nvidia.com/gpu": count}}
    return ModelDeploymentSpec.model_validate(document)


@pytest.mark.parametrize(
    ("situation", "spec", "change", "follows"),
    [
        (None, ONE, "it is created", f"{FIRST} starts with 2 pods and gets all traffic once ready"),
        (serving, ONE, "nothing: it is stored so already", f"no rollout: {FIRST} serves already"),
        (serving, spec_of("1", replicas=5), "spec.replicas", f"no rollout: {FIRST} serves already"),
        (serving, TWO, f"spec.model; new revision {SECOND} in place of {FIRST}", f"{SECOND} is brought in beside"),
        (first_revision_loads, ONE, "nothing", "the first revision goes on loading"),
        (first_revision_loads, TWO, "spec.model", f"{SECOND} takes the place of {FIRST}"),
        (stepping, TWO, "nothing", "the rollout under way goes on, by the plan it started with"),
        (stepping, ONE, "spec.model", f"{SECOND} is taken back, not rejected (Reverted); {FIRST} gets all traffic"),
        (stepping, THREE, "spec.model", f"{SECOND} is taken back, not rejected (Superseded); then {THIRD} is brought"),
        (promoting, THREE, "spec.model", f"{SECOND} is promoting and ends that first; then {THIRD}"),
        (withdrawing, THREE, "spec.model", f"{SECOND} is withdrawing and ends that first; then {THIRD}"),
        (rolled_back, TWO, "nothing", f"nothing: {SECOND} was rejected at 2026-01-01"),
        (just_promoted, ONE, "spec.model", f"all traffic goes back to {FIRST}, which is still warm"),
        (just_promoted, THREE, "spec.model", f"{FIRST} is removed, then {THIRD} is brought in beside {SECOND}"),
    ],
)
def test_what_follows_is_what_the_planner_would_do(
    situation: Callable[[], World] | None, spec: ModelDeploymentSpec, change: str, follows: str
) -> None:
    live = None if situation is None else parse(body_of(situation()))
    found = effect_of(live, "filetype", spec)
    assert found.change.startswith(change)
    assert found.follows.startswith(follows)


def test_a_suspended_one_waits() -> None:
    spec = TWO.model_copy(update={"suspend": True})
    assert effect_of(parse(body_of(serving())), "filetype", spec).follows.startswith("once spec.suspend is false: ")


def test_steps_are_told_with_their_pods() -> None:
    steps = [{"weight": {"percent": 50, "seconds": 300}}, {"pause": {}}, {"pause": {"seconds": 60}}]
    lines = step_lines(spec_of("1", steps=steps, replicas=4))
    assert lines[0] == "loading with 4 pods, no traffic"
    assert lines[1] == "1/3 weight 50%, judged for 5 min, 4 pods"
    assert lines[2:4] == ["2/3 pause, until a person resumes, 4 pods", "3/3 pause, for 60 s, 4 pods"]
    assert lines[-1] == "promotion, 4 pods; the old revision is kept for 60 s"


def test_a_plan_without_weights_promotes_without_evidence() -> None:
    assert step_lines(spec_of("1", steps=[{"pause": {"seconds": 60}}]))[-1] == "promotion without evidence, 2 pods"


# ---- room ------------------------------------------------------------------------------------------------------------


def node(name: str, gpus: int, *, ready: str = "True", **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "labels": {"zone": name}},
        "spec": spec,
        "status": {
            "allocatable": {"nvidia.com/gpu": str(gpus)},
            "conditions": [{"type": "Ready", "status": ready}],
        },
    }


def pod(on: str | None, gpus: int, phase: str = "Running") -> dict[str, Any]:
    asked = {"resources": {"limits": {"nvidia.com/gpu": str(gpus)}}}
    return {"spec": {"nodeName": on, "containers": [asked]}, "status": {"phase": phase}}


@pytest.mark.parametrize(
    ("each", "nodes", "pods", "fitting"),
    [
        (1, [node("a", 4)], [], 4),
        (1, [node("a", 4)], [pod("a", 3)], 1),
        (1, [node("a", 4)], [pod("a", 3, "Succeeded"), pod(None, 2)], 4),
        (2, [node("a", 3), node("b", 3)], [], 2),
        (1, [node("a", 4, ready="False"), node("b", 4, unschedulable=True)], [], 0),
        (1, [node("a", 1)], [pod("a", 5)], 0),
        (1, [], [], 0),
    ],
)
def test_free_devices_are_counted_by_node(each: int, nodes: list[Any], pods: list[Any], fitting: int) -> None:
    spec = with_gpus(ONE, each)
    (need,) = needs(spec, 2)
    assert need.total == 2 * each
    assert pods_that_fit(need, spec, nodes, pods) == fitting


def test_only_nodes_with_the_labels_asked_for_count() -> None:
    document = with_gpus(ONE).model_dump(mode="json", by_alias=True)
    document["placement"] = {"nodeSelector": {"zone": "b"}}
    spec = ModelDeploymentSpec.model_validate(document)
    assert pods_that_fit(needs(spec, 1)[0], spec, [node("a", 4), node("b", 1)], []) == 1


def test_a_candidate_has_all_its_pods_before_it_is_promoted() -> None:
    assert candidate_pods(spec_of("1", steps=[{"weight": {"percent": 5}}], replicas=3)) == 3
    assert candidate_pods(spec_of("1", steps=[{"ramp": {}}], replicas=3)) == 3


# ---- time and harm ---------------------------------------------------------------------------------------------------


def test_the_traffic_of_a_rollout_under_way_is_known() -> None:
    assert present_traffic(serving().status) is None
    assert present_traffic(None) is None
    world = stepping()
    world.pass_time(30)
    found = present_traffic(world.status)
    assert found is not None
    assert found.rps == pytest.approx(50.0, rel=0.05)


def test_time_and_harm_are_those_of_the_simulation() -> None:
    head, good, bad = expectations(ONE, Expected(40.0, 0.005))
    assert head.startswith("at 40 requests/s of which 0.5 % fail")
    assert good.startswith("a candidate as good as stable is promoted in 100 % of cases, after ")
    assert bad.startswith("one that fails 50.0 % is taken back in 100 %, after ")


# ---- the command -----------------------------------------------------------------------------------------------------


@pytest.fixture
def planned(tmp_path: Path, shell: Shell) -> Any:
    """Plan documents in a file."""

    def run(*documents: Any, options: tuple[str, ...] = ()) -> tuple[int, str, str]:
        file = tmp_path / "file.yaml"
        file.write_text(yaml.safe_dump_all(documents))
        return shell("plan", "-f", str(file), *options)

    return run


def document_of(spec: ModelDeploymentSpec) -> dict[str, Any]:
    body = body_of(World(spec=spec))
    return {
        **{key: body[key] for key in ("apiVersion", "kind", "spec")},
        "metadata": {"name": "filetype"},
    }


def test_a_new_revision_is_planned_in_full(api: Api, planned: Any) -> None:
    api.put(body_of(serving()))
    api.objects["/api/v1/nodes/a"] = node("a", 1)
    code, out, err = planned(document_of(with_gpus(TWO)), options=("--rps", "40"))
    assert (code, err) == (0, "")
    told = " ".join(out.split())
    for expected in (
        "ModelDeployment filetype in namespace demo",
        "then filetype-",
        "1/3 weight 5%, judged for 10 s, 1 pod",
        "at most 2 nvidia.com/gpu: 1 for each of 2 pods beside the 2 of stable; there is room for 1 pod now: with less",
        "expected at 40 requests/s",
    ):
        assert expected in told, told


def test_nothing_is_written(api: Api, planned: Any) -> None:
    api.put(body_of(serving()))
    before = yaml.safe_dump(api.objects)
    assert planned(document_of(TWO))[0] == 0
    assert yaml.safe_dump(api.objects) == before
    assert {request.query.get("dryRun") for request in api.sent if request.method != "GET"} == {"All"}


def test_without_traffic_it_asks_for_it(api: Api, planned: Any) -> None:
    api.put(body_of(serving()))
    assert "give --rps" in " ".join(planned(document_of(TWO))[1].split())


def test_nodes_that_may_not_be_listed_are_told_of(api: Api, planned: Any) -> None:
    api.put(body_of(serving()))
    api.refuse["list", "nodes"] = forbidden("list", "nodes")
    code, out, _ = planned(document_of(with_gpus(TWO)), options=("--rps", "40"))
    assert code == 0
    assert "free ones are not known: you may not list nodes" in " ".join(out.split())


def test_no_new_revision_means_no_steps(api: Api, planned: Any) -> None:
    api.put(body_of(serving()))
    _, out, _ = planned(document_of(spec_of("1", replicas=3)))
    assert "no rollout" in out
    assert "steps" not in out


def test_what_the_api_server_refuses_is_one_sentence(api: Api, planned: Any) -> None:
    api.put(body_of(serving()))
    causes = [{"reason": "Invalid", "field": "spec.model.name", "message": "expected no change"}]
    api.refuse["patch", "modeldeployments"] = (422, {"message": "is invalid", "details": {"causes": causes}})
    code, out, err = planned(document_of(TWO))
    assert (code, out) == (1, "")
    assert err == "tidegate: filetype: the API server refuses it: spec.model.name: expected no change\n"


def test_what_is_wrong_by_itself_is_told_with_its_line(api: Api, planned: Any) -> None:
    document = document_of(TWO)
    document["spec"]["replicas"] = 0
    code, _, err = planned(document)
    assert code == 1
    assert "error: spec.replicas: found 0; expected at least 1" in err
    assert api.sent == []


def test_the_namespace_of_the_file_comes_first(api: Api, planned: Any) -> None:
    document = document_of(ONE)
    document["metadata"]["namespace"] = "models"
    assert "in namespace models" in planned(document)[1]


def test_one_that_is_loading_goes_on(api: Api, planned: Any) -> None:
    api.put(body_of(loading()))
    assert "the rollout under way goes on" in planned(document_of(TWO))[1]


def test_mistakes_of_the_call(planned: Any, shell: Shell, tmp_path: Path) -> None:
    assert planned({"kind": "Service"})[0] == 2
    assert planned(document_of(ONE), options=("--rps", "0"))[0] == 2
    assert "cannot be read" in shell.refusal("plan", "-f", str(tmp_path / "missing.yaml"))
