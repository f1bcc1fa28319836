"""The API server out of reach, failing, hanging, refusing: the operator lives on, and each object has its own trouble.

Every case is a rollout of its own under an operator of its own, and is mostly waiting: all run at once.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.chaos.api import hold
from tests.chaos.proxy import Call, Fault, Faults
from tests.chaos.stage import Lane, Stage
from tests.chaos.trial import Story, Trial, rollback, rollout

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600), pytest.mark.soak]

FIRST_WEIGHT = [850_000, 150_000]
GOES_ON_SECONDS = 20.0
"""From the end of a fault to the next write."""


@dataclass
class Scene:
    """The stage, and stories that are played undisturbed beside the cases, so that their end is known."""

    stage: Stage
    rollout: Story
    rollback: Story
    undisturbed: "asyncio.Future[Any]"

    @classmethod
    async def open(cls, stage: Stage) -> "Scene":
        stories = rollout(), rollback()
        tasks = [asyncio.create_task(_play(stage, story)) for story in stories]
        return cls(stage, *stories, asyncio.gather(*tasks))

    async def at_weight(self, lane: Lane) -> Trial:
        """A rollout whose candidate has its first weight, taken up by the gateway."""
        trial = Trial(lane)
        await self.rollout.begin(trial)
        await trial.until(lambda trial: trial.weights == FIRST_WEIGHT, "the first weight")
        await trial.until(lambda trial: "inForceSince" in trial.status["slots"]["a"], "the first weight in force")
        return trial

    async def ends_as_known(self, story: Story, trial: Trial) -> None:
        """It ends as it does undisturbed."""
        await asyncio.shield(self.undisturbed)
        await story.end(trial)
        assert trial.lane.operator.exits == []


async def _play(stage: Stage, story: Story) -> None:
    trial = Trial(await stage.lane())
    await story.begin(trial)
    await story.end(trial)


# ---- S37: nobody gets through ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outage:
    """Something that stands between the operator and the API server for a while."""

    seconds: float
    begin: Callable[[Lane], Awaitable[object]]
    end: Callable[[Lane], Awaitable[object]]

    async def __call__(self, scene: Scene) -> str:
        lane = await scene.stage.lane()
        trial = await scene.at_weight(lane)
        pid = lane.operator.pid
        await self.begin(lane)
        step, writes = trial.status["rollout"]["step"], len(lane.proxy.writes)

        def as_before() -> bool:
            return (
                lane.operator.pid == pid and trial.weights == FIRST_WEIGHT and trial.status["rollout"]["step"] == step
            )

        await hold(as_before, lambda: f"nothing moves; {trial.told()}", self.seconds)
        assert await lane.operator.health("/healthz") == 200
        await self.end(lane)
        writes = len(lane.proxy.writes)
        passed = await trial.until(lambda trial: len(lane.proxy.writes) > writes, "it goes on", GOES_ON_SECONDS)
        await scene.ends_as_known(scene.rollout, trial)
        return f"the next write {passed:.1f} s later"


async def be_down(lane: Lane) -> None:
    await lane.proxy.down()


async def be_up(lane: Lane) -> None:
    await lane.proxy.up()


def answer(code: int, reason: str) -> Callable[[Lane], Awaitable[None]]:
    async def begin(lane: Lane) -> None:
        lane.proxy.arm(lambda call: Fault("refuse", code=code, reason=reason))
        await lane.proxy.cut()

    return begin


async def answer_well(lane: Lane) -> None:
    lane.proxy.arm()


async def freeze(lane: Lane) -> None:
    lane.proxy.freeze()


async def thaw(lane: Lane) -> None:
    lane.proxy.thaw()


async def error_event(scene: Scene) -> str:
    """Every watch ends with an ERROR event."""
    lane = await scene.stage.lane()
    trial = await scene.at_weight(lane)
    status = {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "code": 500,
        "message": "etcdserver: no leader",
    }
    watches = await lane.proxy.inject({"type": "ERROR", "object": status})
    assert watches >= 7
    await scene.ends_as_known(scene.rollout, trial)
    return f"{watches} watches"


def every_answer_lost(name: str) -> "Case":
    """The connection is cut at every write: before every other one, else after the API server has done it."""

    def faults(call: Call) -> Fault | None:
        if call.index is None or call.index % 3 == 1:
            return None
        return Fault("cut", "before" if call.index % 3 == 0 else "after")

    async def case(scene: Scene) -> str:
        lane, story = await scene.stage.lane(), getattr(scene, name)
        trial = Trial(lane)
        await story.begin(trial, faults)
        await scene.ends_as_known(story, trial)
        assert len(lane.proxy.struck) >= 20
        return f"{len(lane.proxy.struck)} of {len(lane.proxy.writes)} writes were cut"

    return case


async def two_writes_hang(scene: Scene) -> str:
    """A write gets no answer, once before the API server has done it and once after."""
    lane = await scene.stage.lane()
    trial = Trial(lane)
    moments = {3: "before", 12: "after"}

    def faults(call: Call) -> Fault | None:
        return Fault("hang", moments[call.index]) if call.index in moments else None  # type: ignore[arg-type]

    await scene.rollout.begin(trial, faults)
    await scene.ends_as_known(scene.rollout, trial)
    assert len(lane.proxy.struck) == 2
    return " and ".join(f"{call} hung {fault.moment} it was done" for call, fault in lane.proxy.struck)


# ---- S38: one object's trouble stays that object's -------------------------------------------------------------------


@dataclass(frozen=True)
class Trouble:
    """What one ModelDeployment's requests meet, while another one's under the same operator meet nothing.

    Attributes
    ----------
    told
        Status and reason of its condition Stalled meanwhile.
    ends
        Whether its rollout ends all the same.
    """

    fault: Callable[[Call], Fault | None]
    told: tuple[str, str] | None = None
    ends: bool = False

    async def __call__(self, scene: Scene) -> str:
        lane = await scene.stage.lane()
        troubled, neighbour = Trial(lane), Trial(lane)
        for trial in (troubled, neighbour):
            await scene.rollout.prepare(trial)
        lane.proxy.arm(lambda call: self.fault(call) if call.about.startswith(troubled.name) else None)
        for trial in (troubled, neighbour):
            await scene.rollout.start(trial)
        await scene.ends_as_known(scene.rollout, neighbour)
        met = len(lane.proxy.struck)
        assert met > 0
        if self.told is not None:
            assert troubled.condition("Stalled") == self.told
        if not self.ends:
            assert not scene.rollout.is_over(troubled)
        lane.proxy.arm()
        await scene.ends_as_known(scene.rollout, troubled)
        return f"{met} requests met it while the neighbour ended its rollout"


def refuse(wanted: Callable[[Call], bool], code: int, reason: str, **headers: str) -> Callable[[Call], Fault | None]:
    return lambda call: Fault("refuse", code=code, reason=reason, headers=headers) if wanted(call) else None


def is_status(call: Call) -> bool:
    return call.index is not None and call.subresource == "status"


def is_write(call: Call) -> bool:
    return call.index is not None


def is_write_of(plural: str) -> Callable[[Call], bool]:
    return lambda call: call.index is not None and call.plural == plural


def hang_events(call: Call) -> Fault | None:
    return Fault("hang") if is_write_of("events")(call) else None


async def forbid_routes(lane: Lane) -> None:
    """Nothing of kind HTTPRoute may be read or written."""
    faults: Faults = refuse(lambda call: call.plural == "httproutes", 403, "Forbidden")
    lane.proxy.arm(faults)
    await lane.proxy.cut()


# ---- running ---------------------------------------------------------------------------------------------------------

Case = Callable[[Scene], Awaitable[str]]
"""Gives a few words about what was seen."""
S37: dict[str, Case] = {
    "down 5 s": Outage(5, be_down, be_up),
    "HTTP 500 for 15 s": Outage(15, answer(500, "InternalError"), answer_well),
    "HTTP 503 for 15 s": Outage(15, answer(503, "ServiceUnavailable"), answer_well),
    "hanging for 25 s": Outage(25, freeze, thaw),
    "ERROR event": error_event,
    "every answer lost in a rollout": every_answer_lost("rollout"),
    "every answer lost in a rollback": every_answer_lost("rollback"),
    "two writes hang": two_writes_hang,
}
S37_LONG: dict[str, Case] = {
    "down 60 s": Outage(60, be_down, be_up),
    "HTTP 503 for 120 s": Outage(120, answer(503, "ServiceUnavailable"), answer_well),
    "hanging for 120 s": Outage(120, freeze, thaw),
}
S38: dict[str, Case] = {
    "409 on status": Trouble(refuse(is_status, 409, "Conflict")),
    "429 with Retry-After": Trouble(refuse(is_write, 429, "TooManyRequests", **{"Retry-After": "1"})),
    "403 for its route": Trouble(refuse(is_write_of("httproutes"), 403, "Forbidden"), told=("True", "WriteRefused")),
    "403 for its pods": Trouble(refuse(is_write_of("deployments"), 403, "Forbidden"), told=("True", "WriteRefused")),
    "Events failing": Trouble(refuse(is_write_of("events"), 500, "InternalError"), ends=True),
    "Events hanging": Trouble(hang_events, ends=True),
    "403 for a kind, for 10 s": Outage(10, forbid_routes, answer_well),
}
CASES = S37 | S37_LONG | S38


async def _run(case: Case, scene: Scene) -> str:
    return await case(scene)


Told = Callable[[str], Awaitable[None]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(
    request: pytest.FixtureRequest, kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[dict[str, "asyncio.Task[str]"]]:
    """All cases that were asked for, at once."""
    specs = [getattr(item, "callspec", None) for item in request.session.items if item.path == request.path]
    wanted = [spec.params["case"] for spec in specs if spec is not None]
    async with Stage.open(kubeconfig, tmp_path_factory.mktemp("faults")) as stage:
        scene = await Scene.open(stage)
        tasks = {case: asyncio.create_task(_run(CASES[case], scene)) for case in wanted}
        yield tasks
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), scene.undisturbed, return_exceptions=True)
        assert stage.gaps == []


@pytest.fixture
def ended(running: dict[str, "asyncio.Task[str]"], capsys: pytest.CaptureFixture[str]) -> Told:
    """Wait for the end of a case, and tell what was seen."""

    async def wait(case: str) -> None:
        seen = await running[case]
        with capsys.disabled():
            print(f"{case}: {seen}")

    return wait


@pytest.mark.parametrize("case", S37)
async def test_s37_the_api_server_fails(ended: Told, case: str) -> None:
    await ended(case)


@pytest.mark.parametrize("case", S37_LONG)
async def test_s37_the_api_server_fails_for_long(ended: Told, case: str) -> None:
    await ended(case)


@pytest.mark.parametrize("case", S38)
async def test_s38_the_trouble_of_one_object_stays_its_own(ended: Told, case: str) -> None:
    await ended(case)
