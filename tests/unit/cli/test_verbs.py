"""Requests from the command line: the right revision, what came of it, and two people at once."""

import re
from collections.abc import Callable

import pytest

from tests.unit.cli.double import Api, Shell, body_of, forbidden
from tests.unit.cli.situations import just_promoted, paused_by_a_person, rolled_back, stepping
from tests.unit.rollout.world import World, serving, spec_of
from tidegate.api.names import REQUEST_VERBS, Verb
from tidegate.cli import polling
from tidegate.clients.transport import Document, Request

STAMP = r"[^/\s]+-\d{8}T\d{6}Z"


class Operator:
    """The real planner behind the API server: it looks whenever somebody waits."""

    def __init__(self, api: Api, world: World) -> None:
        self.api, self.world, self.looks = api, world, True
        self.publish()

    def publish(self) -> None:
        self.api.put(body_of(self.world, version=f"v{len(self.api.sent)}"))
        for number, event in enumerate(self.world.events):
            name = f"e{number:04}"
            self.api.objects[f"/api/v1/namespaces/demo/events/{name}"] = {
                "metadata": {"name": name},
                "reason": event.reason,
                "message": event.message,
                "lastTimestamp": f"2026-01-01T00:00:00.{number:04}Z",
            }

    def look(self) -> None:
        if not self.looks:
            return
        path = next(path for path in self.api.objects if "modeldeployments" in path)
        self.world.annotations = dict(self.api.objects[path]["metadata"]["annotations"])
        self.world.settle()
        self.publish()


@pytest.fixture
def start(api: Api, monkeypatch: pytest.MonkeyPatch) -> Callable[[World], Operator]:
    """Put a world behind the API server; waiting takes no time, and lets the operator look."""
    passed = [0.0]

    def started(world: World) -> Operator:
        operator = Operator(api, world)

        def sleep(seconds: float) -> None:
            passed[0] += seconds
            operator.look()

        monkeypatch.setattr(polling, "sleep", sleep)
        monkeypatch.setattr(polling, "monotonic", lambda: passed[0])
        return operator

    return started


Start = Callable[[World], Operator]


@pytest.mark.parametrize(
    ("verb", "situation", "names", "told"),
    [
        ("promote", stepping, "candidate", "Promoting: .* promoted by request"),
        ("abort", stepping, "candidate", "RolledBack: .* aborted by request"),
        ("pause", stepping, "candidate", "Paused: .* stays where it is, by request"),
        ("resume", paused_by_a_person, "candidate", "Resumed: .* goes on, by request"),
        ("retry", rolled_back, "desired", "Retrying: .* gets another try, by request"),
        ("undo", just_promoted, "stable", "Undoing: .* undone by request"),
    ],
)
def test_a_request_names_the_right_revision_and_says_what_came_of_it(
    verb: Verb, situation: Callable[[], World], names: str, told: str, start: Start, shell: Shell
) -> None:
    world = situation()
    revision = {"candidate": world.status.candidate, "desired": world.revision(), "stable": world.status.stable}[names]
    operator = start(world)
    code, out, err = shell(verb, "filetype")
    assert (code, err) == (0, "")
    assert re.fullmatch(rf"{verb} {revision}/{STAMP}\n{told} {revision}/{STAMP}.*\n", out, re.DOTALL), out
    assert getattr(operator.world.status.requests, verb) == out.split()[1]


@pytest.mark.parametrize(
    ("verb", "situation", "told"),
    [
        ("promote", serving, "no rollout is under way, so there is nothing to promote"),
        ("abort", rolled_back, "no rollout is under way, so there is nothing to abort"),
        ("pause", paused_by_a_person, "is paused already, by request"),
        ("resume", stepping, "is not paused"),
        ("retry", stepping, "was not taken back, so there is nothing to retry"),
        ("undo", serving, "no previous revision is kept any more"),
        ("undo", World, "the operator has not looked at it yet"),
    ],
)
def test_where_there_is_nothing_to_ask_for_nothing_is_written(
    verb: Verb, situation: Callable[[], World], told: str, start: Start, api: Api, shell: Shell
) -> None:
    start(situation())
    assert told in shell.refusal(verb, "filetype", code=1)
    assert [request.method for request in api.sent if request.method != "GET"] == []


def test_an_operator_that_is_away_is_told_of(start: Start, shell: Shell) -> None:
    start(stepping()).looks = False
    code, out, err = shell("pause", "filetype", "--timeout", "3")
    assert code == 3
    assert out.startswith("pause filetype-")
    assert "not acknowledged within 3 s; does the operator run" in err


def test_nobody_waits_where_told_not_to(start: Start, shell: Shell) -> None:
    start(stepping()).looks = False
    assert shell("pause", "filetype", "--no-wait")[0] == 0


def test_without_an_event_the_condition_answers(start: Start, api: Api, shell: Shell) -> None:
    start(stepping())
    api.refuse["list", "events"] = forbidden("list", "events")
    code, out, _ = shell("pause", "filetype")
    assert code == 0
    assert "\nPaused: paused by request" in out


# ---- two people at once ----------------------------------------------------------------------------------------------


def meanwhile(api: Api, change: Callable[[Document], None], times: int = 1) -> None:
    """Somebody else changes the object just before a request is written."""
    left = [times]

    def before(request: Request) -> None:
        if request.method == "PATCH" and left[0] > 0:
            left[0] -= 1
            change(api.objects[request.path])
            api.objects[request.path]["metadata"]["resourceVersion"] += "-other"

    api.before = before


def test_a_change_that_leaves_the_revision_alone_is_no_obstacle(start: Start, api: Api, shell: Shell) -> None:
    start(stepping())
    meanwhile(api, lambda found: found["metadata"].setdefault("labels", {}).update(team="vision"))
    assert shell("pause", "filetype")[0] == 0
    assert len([request for request in api.sent if request.method == "PATCH"]) == 2


def test_a_request_does_not_hit_another_candidate_than_was_seen(start: Start, api: Api, shell: Shell) -> None:
    seen, other = stepping(), serving()
    start(seen)
    newer = other.apply(spec_of("3"))
    other.run_until(lambda world: world.weight_of(newer) == 50_000)

    def superseded(found: Document) -> None:
        found["spec"], found["status"] = body_of(other)["spec"], body_of(other)["status"]

    meanwhile(api, superseded)
    told = shell.refusal("promote", "filetype", code=1)
    assert f"meanwhile it is about {newer}, not {seen.revision()}" in told


def test_a_request_that_became_pointless_is_not_written(start: Start, api: Api, shell: Shell) -> None:
    seen = stepping()
    start(seen)
    seen.annotate("abort", f"{seen.revision()}/other")
    seen.settle()
    meanwhile(api, lambda found: found.update(status=body_of(seen)["status"]))
    assert "is being taken back already" in shell.refusal("promote", "filetype", code=1)


def test_others_that_never_stop_are_told_of(start: Start, api: Api, shell: Shell) -> None:
    start(stepping())
    meanwhile(api, lambda found: None, times=100)
    assert "others keep changing it" in shell.refusal("pause", "filetype", code=1)


def test_a_request_that_another_one_replaces_is_told_of(start: Start, api: Api, shell: Shell) -> None:
    start(stepping()).looks = False
    api.after = lambda request, found: found["metadata"]["annotations"].update({"tidegate.dev/pause": "x/bert"})
    code, _, err = shell("pause", "filetype")
    assert code == 1
    assert "x/bert took its place before the operator saw it" in err


def test_a_refusal_by_the_operator_is_an_error(start: Start, api: Api, shell: Shell) -> None:
    operator = start(stepping())

    def other_was_first(request: Request, found: Document) -> None:
        operator.world.annotate("abort", f"{operator.world.revision()}/bert")
        operator.world.settle()

    api.after = other_was_first
    code, _, err = shell("pause", "filetype")
    assert code == 1
    assert "refused: pause 'filetype-" in err
    assert "is being taken back already" in err


def test_a_right_to_patch_that_is_missing_is_named(start: Start, api: Api, shell: Shell) -> None:
    start(stepping())
    api.refuse["patch", "modeldeployments"] = forbidden("patch", "modeldeployments.tidegate.dev")
    assert "you may not patch modeldeployments.tidegate.dev" in shell.refusal("abort", "filetype")


def test_a_refusal_by_an_admission_policy_is_told(start: Start, api: Api, shell: Shell) -> None:
    start(stepping())
    api.refuse["patch", "modeldeployments"] = (422, {"message": "denied by policy freeze"})
    assert shell.refusal("promote", "filetype").endswith("modeldeployments.tidegate.dev: denied by policy freeze")


def test_one_that_is_deleted_meanwhile_is_told_of(start: Start, api: Api, shell: Shell) -> None:
    start(stepping())
    missing = {"message": "not found", "details": {"name": "filetype"}}
    api.refuse["patch", "modeldeployments"] = (404, missing)
    assert "refuses to patch modeldeployments.tidegate.dev: not found" in shell.refusal("promote", "filetype")


def test_every_verb_is_a_command(shell: Shell) -> None:
    for verb in REQUEST_VERBS:
        assert shell(verb, "--help")[0] == 0
