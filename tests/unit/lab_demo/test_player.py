"""The player applies one stage after the other under load and stops at one that does not end."""

import io
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from rich.console import Console

from lab.demo import player as player_module
from lab.demo.objects import TrialObject
from lab.demo.player import Player
from lab.demo.run import STAGES
from lab.demo.stages import Outcome
from lab.demo.view import View
from lab.errors import LabError
from lab.load import Load
from tidegate.api.status import ModelDeploymentStatus

NOW = datetime(2026, 1, 1, tzinfo=UTC)
READY = {"type": "Ready", "status": "True", "reason": "Serving", "last_transition_time": NOW}


def serving(stable: str, candidate: str | None = None, *, rejected: Sequence[str] = ()) -> ModelDeploymentStatus:
    weights = (950_000, 50_000) if candidate else (1_000_000, 0)
    return ModelDeploymentStatus.model_validate(
        {
            "stable": stable,
            "candidate": candidate,
            "slots": {
                "a": {"revision": stable, "weight": weights[0]},
                "b": {"revision": candidate, "weight": weights[1]},
            },
            "conditions": [] if candidate or rejected else [READY],
            "rejected": [{"revision": name, "at": NOW, "reason": "Harm"} for name in rejected],
        }
    )


class Scripted:
    """A ModelDeployment whose status runs through a script after each change of its spec; it ends by staying."""

    def __init__(self, scripts: Sequence[Sequence[ModelDeploymentStatus]]) -> None:
        self.scripts = iter(scripts)
        self.present: Iterator[ModelDeploymentStatus] = iter(())
        self.last = ModelDeploymentStatus()
        self.applied: list[str] = []

    def apply(self, reference: str, queries: Sequence[Any]) -> str:
        self.applied.append(reference)
        self.present = iter(next(self.scripts))
        return f"revision-{len(self.applied)}"

    async def status(self) -> ModelDeploymentStatus:
        self.last = next(self.present, self.last)
        return self.last


@pytest.fixture
async def load(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Load]:
    monkeypatch.setattr(player_module, "POLL_SECONDS", 0.01)
    application = web.Application()
    application.router.add_post("/", answer)
    async with TestServer(application, host="127.0.0.1") as server:
        yield Load(str(server.make_url("/")), rate=200, concurrency=1000)


async def answer(_: web.Request) -> web.Response:
    return web.Response(headers={"x-model-revision": "revision-1"})


def player_of(trial_object: Scripted, load: Load) -> Player:
    return Player(cast(TrialObject, trial_object), load, View(Console(file=io.StringIO())))


GOOD = (serving("revision-1", "revision-2"), serving("revision-2"))
BAD = (serving("revision-2", "revision-3"), serving("revision-2", rejected=["revision-3"]))


async def test_every_stage_is_played_to_its_outcome(load: Load) -> None:
    trial_object = Scripted([[ModelDeploymentStatus(), serving("revision-1")], GOOD, BAD])
    player = player_of(trial_object, load)
    results = await player.play(STAGES)
    assert [result.outcome for result in results] == [Outcome.SERVING, Outcome.PROMOTED, Outcome.ROLLED_BACK]
    assert trial_object.applied == [stage.image.reference for stage in STAGES]
    assert results[0].requests == 0
    assert all(result.requests >= player_module.SETTLED_REQUESTS and not result.failed for result in results[1:])


async def test_the_picture_shows_the_new_revisions_weight(load: Load) -> None:
    player = player_of(Scripted([[serving("revision-1")], GOOD, BAD]), load)
    await player.play(STAGES)
    assert [[weight for _, weight in course.weights] for course in player.courses] == [[50_000, 1_000_000], [50_000, 0]]


async def test_nothing_follows_a_stage_that_did_not_end(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(player_module, "STAGE_SECONDS", 0.1)
    results = await player_of(Scripted([[serving("revision-1")], GOOD[:1], BAD]), load).play(STAGES)
    assert [result.outcome for result in results] == [Outcome.SERVING, Outcome.TIMED_OUT]


async def test_a_model_that_never_serves_gets_no_load(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(player_module, "STAGE_SECONDS", 0.1)
    results = await player_of(Scripted([[ModelDeploymentStatus()]]), load).play(STAGES)
    assert [result.outcome for result in results] == [Outcome.TIMED_OUT]
    assert not load.records


async def test_a_load_that_does_not_flow_is_an_error(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(player_module, "SETTLED_SECONDS", 0.1)
    load.rate = 1
    with pytest.raises(LabError, match=r"requests ended within 0 s, expected 90 at 1/s"):
        await player_of(Scripted([[serving("revision-1")], GOOD]), load).play(STAGES)
