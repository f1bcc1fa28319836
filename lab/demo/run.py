"""Plays the demo: prepares the lab, puts load on the model, applies one release after the other, and reports."""

import asyncio
import time
from pathlib import Path

from rich.console import Console

from lab.demo.picture import write_picture
from lab.demo.player import Player
from lab.demo.prepare import Prepared, prepare
from lab.demo.report import result_table, write_report
from lab.demo.stages import Outcome, Stage, problems
from lab.demo.view import View
from lab.deploy import ModelImage
from lab.instance import Instance
from lab.load import Load
from lab.models import JSON_HEADERS
from lab.progress import Reporter

REPOSITORY = Path(__file__).parents[2]
REPORT = REPOSITORY / "build" / "demo.json"
PICTURE = REPOSITORY / "build" / "demo.svg"
REQUEST = REPOSITORY / "examples" / "requests" / "filetype.json"
NAME = "filetype"
REQUESTS_PER_SECOND = 30.0
CLIENT_SECONDS = 15.0
STAGES = (
    Stage("first: 3.2", ModelImage("filetype-3.2"), Outcome.SERVING),
    Stage("better: 3.3", ModelImage("filetype-3.3"), Outcome.PROMOTED),
    Stage("broken: fails 30 %", ModelImage("filetype-bad"), Outcome.ROLLED_BACK, healthy=False),
)


def demo() -> int:
    """Run the whole demo; return 0 if every stage ended as it should and no request was lost to a transition."""
    began = time.monotonic()
    console = Console(highlight=False)
    instance = Instance("full", "full")
    prepared = prepare(instance, NAME, STAGES, Reporter())
    load = Load(
        prepared.url,
        host=prepared.trial_object.host,
        body=REQUEST.read_bytes(),
        headers=JSON_HEADERS,
        rate=REQUESTS_PER_SECOND,
        timeout_seconds=CLIENT_SECONDS,
        # Never the reason why a request is not sent: more than this cannot be waiting.
        concurrency=int(2 * REQUESTS_PER_SECOND * CLIENT_SECONDS),
    )
    with View(console) as view:
        player = Player(prepared.trial_object, load, view)
        results = asyncio.run(player.play(STAGES))
    write_report(REPORT, STAGES, results, seconds=time.monotonic() - began)
    write_picture(PICTURE, player.courses)
    console.print(result_table(results))
    found = problems(STAGES, results)
    for problem in found:
        console.print(f"problem  {problem}", style="red", markup=False, soft_wrap=True)
    console.print(what_next(instance.kubeconfig, prepared), markup=False, soft_wrap=True)
    return 1 if found else 0


def what_next(kubeconfig: Path, prepared: Prepared) -> str:
    """Return what a person may try next; the lab stays up."""
    url, host, namespace = prepared.url, prepared.trial_object.host, prepared.trial_object.namespace
    return f"""
The lab stays up. Try next:
  export KUBECONFIG={kubeconfig}
  kubectl get modeldeployments -n {namespace} -o wide
  kubectl get modeldeployment {NAME} -n {namespace} -o yaml          # every decision with its numbers
  kubectl delete pod -n {namespace} -l tidegate.dev/modeldeployment={NAME} --wait=false   # under load:
  .venv/bin/python -m lab.load --url {url} \\
    --host {host} --body {REQUEST.relative_to(REPOSITORY)} --rate 30 --seconds 60
  curl -i {url} -H 'Host: {host}' -d @{REQUEST.relative_to(REPOSITORY)}
  kubectl apply -f examples/steps.yaml            # a rollout that waits for you
  make lab-down                                   # when you are done

The numbers above are in {REPORT.relative_to(REPOSITORY)}, a picture of them in {PICTURE.relative_to(REPOSITORY)}."""
