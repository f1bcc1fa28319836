"""Plays the stages of a trial under load, and keeps what is shown up to date."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from lab.demo.objects import TrialObject
from lab.demo.picture import Course
from lab.demo.stages import Outcome, Stage, StageResult, last_word, measure, outcome_of, weight_of
from lab.demo.view import View, make_frame
from lab.errors import LabError
from lab.load import Load, Record
from tidegate.api.status import ModelDeploymentStatus

STAGE_SECONDS = 240.0
SETTLED_REQUESTS = 90
"""Requests watched after a stage ended, so that a loss at the very end of a transition is not missed."""
SETTLED_SECONDS = 30.0
POLL_SECONDS = 0.5


class Player:
    """Plays the stages one after the other and keeps what is shown up to date."""

    def __init__(self, trial_object: TrialObject, load: Load, view: View) -> None:
        self.trial_object = trial_object
        self.load = load
        self.view = view
        self.courses: list[Course] = []
        self.weights: list[tuple[float, int]] = []

    async def play(self, stages: Sequence[Stage]) -> list[StageResult]:
        """Play the stages, the first without load; those after one that did not end are left out of the results."""
        results = [await self.play_stage(stages[0])]
        if results[0].outcome is not Outcome.SERVING:
            return results
        async with self.load:
            for stage in stages[1:]:
                await self.settle(stage, time.time(), time.time())
                results.append(await self.play_stage(stage))
                if results[-1].outcome is Outcome.TIMED_OUT:
                    break
        return results

    async def play_stage(self, stage: Stage) -> StageResult:
        """Apply a release, wait for its outcome and until traffic has settled, and count."""
        began = time.time()
        revision = await asyncio.to_thread(self.trial_object.apply, stage.image.reference, stage.queries)
        outcome = await self.outcome(stage, revision, began)
        ended = time.time()
        if stage.expected is not Outcome.SERVING:
            await self.settle(stage, began, ended)
            self.courses.append(self.course(stage, outcome, began))
        status = await self.trial_object.status()
        return measure(
            stage,
            revision,
            outcome,
            message=last_word(status, revision),
            seconds=ended - began,
            records=self.records(began),
        )

    def course(self, stage: Stage, outcome: Outcome, began: float) -> Course:
        """Return what the picture shows of the stage that has just ended."""
        records = self.records(began)
        failures = [record.start - began for record in records if record.failure]
        ending = f"{outcome}, {len(failures)} of {len(records):,} requests failed"
        return Course(stage.title, self.weights, failures, time.time() - began, ending)

    async def outcome(self, stage: Stage, revision: str, began: float) -> Outcome:
        """Wait until the stage has ended."""
        found: Outcome | None = None
        self.weights = []

        async def ended() -> bool:
            nonlocal found
            status = await self.show(stage, began)
            self.weights.append((time.time() - began, weight_of(status, revision)))
            found = outcome_of(status, revision, stage.expected)
            return found is not None

        await poll(ended, seconds=STAGE_SECONDS)
        return found or Outcome.TIMED_OUT

    async def settle(self, stage: Stage, began: float, since: float) -> None:
        """Wait until enough requests that began after `since` were answered."""

        async def settled() -> bool:
            await self.show(stage, began)
            return len(self.records(since)) >= SETTLED_REQUESTS

        if not await poll(settled, seconds=SETTLED_SECONDS):
            answered = len(self.records(since))
            raise LabError(
                f"{answered} requests ended within {SETTLED_SECONDS:.0f} s, expected {SETTLED_REQUESTS} at "
                f"{self.load.rate:.0f}/s; is the machine busy with something else?"
            )

    async def show(self, stage: Stage, began: float) -> ModelDeploymentStatus:
        """Show the present moment and return the object's status."""
        status = await self.trial_object.status()
        self.view.show(make_frame(stage.title, time.time() - began, status, self.records(began)))
        return status

    def records(self, since: float) -> Sequence[Record]:
        """Return the finished requests planned after `since`."""
        return [record for record in self.load.records if record.start >= since]


async def poll(condition: Callable[[], Awaitable[bool]], *, seconds: float) -> bool:
    """Wait until the condition holds; False if it did not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not await condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(POLL_SECONDS)
    return True
