"""Plays the demo: prepares the lab, puts load on the model, applies one release after the other, and reports."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from rich.console import Console

from bench.load import Load, Record
from lab.demo.objects import DemoObject
from lab.demo.picture import Course, write_picture
from lab.demo.prepare import prepare
from lab.demo.report import result_table, write_report
from lab.demo.resource import NAME, host
from lab.demo.stages import STAGES, Outcome, Stage, StageResult, last_word, measure, outcome_of, problems, weight_of
from lab.demo.view import View, make_frame
from lab.errors import LabError
from lab.instance import Instance
from lab.models import JSON_HEADERS, reference
from lab.progress import Reporter
from tidegate.api.status import ModelDeploymentStatus

REPOSITORY = Path(__file__).parents[2]
REPORT = REPOSITORY / "build" / "demo.json"
PICTURE = REPOSITORY / "build" / "demo.svg"
REQUEST = REPOSITORY / "examples" / "requests" / "filetype.json"
REQUESTS_PER_SECOND = 30.0
CLIENT_SECONDS = 10.0
STAGE_SECONDS = 180.0
SETTLED_REQUESTS = 90
"""Requests watched after a stage ended, so that a loss at the very end of a transition is not missed."""
SETTLED_SECONDS = 30.0
POLL_SECONDS = 0.5


def demo() -> int:
    """Run the whole demo; return 0 if every stage ended as it should and no request was lost to a transition."""
    began = time.monotonic()
    console = Console(highlight=False)
    instance = Instance("full", "full")
    prepared = prepare(instance, Reporter())
    namespace = prepared.demo_object.namespace
    url = f"http://{prepared.gateway_address}/v2/models/{NAME}/infer"
    load = Load(
        url,
        host=host(namespace),
        body=REQUEST.read_bytes(),
        headers=JSON_HEADERS,
        rate=REQUESTS_PER_SECOND,
        timeout_seconds=CLIENT_SECONDS,
        # Never the reason why a request is not sent: more than this cannot be waiting.
        concurrency=int(2 * REQUESTS_PER_SECOND * CLIENT_SECONDS),
    )
    with View(console) as view:
        player = Player(prepared.demo_object, load, view)
        results = asyncio.run(player.play())
    write_report(REPORT, results, seconds=time.monotonic() - began)
    write_picture(PICTURE, player.courses)
    console.print(result_table(results))
    found = problems(results)
    for problem in found:
        console.print(f"[red]problem[/red]  {problem}")
    console.print(what_next(instance.kubeconfig, namespace, url), markup=False, soft_wrap=True)
    return 1 if found else 0


class Player:
    """Plays the stages one after the other and keeps what is shown up to date."""

    def __init__(self, demo_object: DemoObject, load: Load, view: View) -> None:
        self.demo_object = demo_object
        self.load = load
        self.view = view
        self.courses: list[Course] = []
        self.weights: list[tuple[float, int]] = []

    async def play(self) -> list[StageResult]:
        """Return the results of the stages played; the rest is left out after one that did not end."""
        results = [await self.play_stage(STAGES[0])]
        if results[0].outcome is not Outcome.SERVING:
            return results
        async with self.load:
            for stage in STAGES[1:]:
                await self.settle(stage, time.time(), time.time())
                results.append(await self.play_stage(stage))
                if results[-1].outcome is Outcome.TIMED_OUT:
                    break
        return results

    async def play_stage(self, stage: Stage) -> StageResult:
        """Apply a release, wait for its outcome and until traffic has settled, and count."""
        began = time.time()
        revision = await asyncio.to_thread(self.demo_object.apply, reference(stage.model))
        outcome = await self.outcome(stage, revision, began)
        ended = time.time()
        if stage is not STAGES[0]:
            await self.settle(stage, began, ended)
            self.courses.append(self.course(stage, outcome, began))
        status = await self.demo_object.status()
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
        status = await self.demo_object.status()
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


def what_next(kubeconfig: Path, namespace: str, url: str) -> str:
    """Return what a person may try next; the lab stays up."""
    return f"""
The lab stays up. Try next:
  export KUBECONFIG={kubeconfig}
  kubectl get modeldeployments -n {namespace} -o wide
  kubectl get modeldeployment {NAME} -n {namespace} -o yaml          # every decision with its numbers
  kubectl delete pod -n {namespace} -l tidegate.dev/modeldeployment={NAME} --wait=false   # under load:
  .venv/bin/python -m bench.load --url {url} \\
    --host {host(namespace)} --body {REQUEST.relative_to(REPOSITORY)} --rate 30 --seconds 60
  curl -i {url} -H 'Host: {host(namespace)}' -d @{REQUEST.relative_to(REPOSITORY)}
  kubectl apply -f examples/steps.yaml            # a rollout that waits for you
  make lab-down                                   # when you are done

The numbers above are in {REPORT.relative_to(REPOSITORY)}, a picture of them in {PICTURE.relative_to(REPOSITORY)}."""
