"""`tidegate history`."""

from tests.unit.cli.double import Api, Shell, body_of, forbidden
from tests.unit.cli.situations import rolled_back, without_metrics
from tests.unit.rollout.world import World, serving
from tidegate.cli.history import revisions


def kept(world: World) -> list[dict[str, object]]:
    """ControllerRevisions, newest first, as the API server may list them."""
    names = [world.revision(), serving().status.stable]
    return [
        {
            "metadata": {
                "name": name,
                "namespace": "demo",
                "creationTimestamp": f"2026-01-01T00:00:0{number}Z",
                "labels": {"tidegate.dev/modeldeployment": "filetype"},
            },
            "revision": number,
            "data": {"artifact": f"image models/filetype:{number}"},
        }
        for number, name in zip((2, 1), names, strict=True)
    ]


def test_history_has_decisions_rejections_and_revisions_newest_last(api: Api, shell: Shell) -> None:
    world = rolled_back()
    api.put(body_of(world))
    for revision in kept(world):
        api.put(revision, "ControllerRevision")
    code, out, err = shell("history", "filetype")
    assert (code, err) == (0, "")
    parts = out.split("\nrejected\n")
    assert f"Rollback   Aborted   {world.revision()}   5 %" in parts[0]
    assert f"\n      aborted by request {world.revision()}/anna" in parts[0]
    rejected, shown = parts[1].split("\nrevisions\n")
    assert f"{world.revision()}   Aborted: aborted by request" in rejected
    rows = [line.split() for line in shown.splitlines()[1:]]
    assert [row[1] for row in rows] == ["1", "2"]
    assert [row[4] for row in rows] == ["Stable", "Rejected"]
    assert rows[0][5] == "2/2"


def test_repeated_holds_are_counted(api: Api, shell: Shell) -> None:
    world = without_metrics(60)
    world.status.decisions[-1].count = 7
    api.put(body_of(world))
    assert "Hold   MetricsUnavailable" in (told := shell("history", "filetype")[1]).replace("       ", "   ")
    assert "7 times" in told


def test_nothing_is_said_to_be_nothing(api: Api, shell: Shell) -> None:
    api.put(body_of(serving()))
    assert shell("history", "filetype")[1] == "decisions\n  none\nrejected\n  none\nrevisions\n  none\n"
    assert revisions(serving().status, []) == "none"


def test_revisions_that_may_not_be_read_are_left_out(api: Api, shell: Shell) -> None:
    api.put(body_of(serving()))
    api.refuse["list", "controllerrevisions"] = forbidden("list", "controllerrevisions.apps")
    code, out, err = shell("history", "filetype")
    assert (code, out) == (0, "decisions\n  none\nrejected\n  none\n")
    assert "revisions are left out: you may not list controllerrevisions.apps" in err
