"""Rollouts measured on the real lab: harm of a bad candidate, time to the first child, requests while idle.

`python -m bench.rollouts` prints tables and writes build/bench-rollouts.json. Counts of requests are the client's own.
"""

import json
import re
import statistics
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kubernetes import client, watch
from rich.console import Console
from rich.table import Table

from lab.progress import Reporter
from lab.trial import Cluster, Served, prepare_cluster
from tidegate.api.names import API_GROUP

RUNS = 3
CHANGES = 10
HARM_RATE = 40.0
IDLE_SECONDS = 120
OUTPUT = Path("build/bench-rollouts.json")
ROLLOUT_ANALYSIS = {"intervalSeconds": 10}


@dataclass(frozen=True)
class Harm:
    """One bad rollout: seconds from the candidate's first request until it was out of traffic, and what it cost."""

    seconds: float
    candidate_requests: int
    failed: int
    lost: int


def harm_of_failing_candidate(cluster: Cluster) -> Harm:
    """Roll out a candidate that fails 30 % of its requests, at 40 requests a second, interval 10 s."""
    with Served.in_new_namespace(cluster) as served:
        served.apply("echo-1", analysis=ROLLOUT_ANALYSIS)
        served.wait_ready()
        with served.requests(rate=HARM_RATE) as requests:
            served.apply("echo-failing", analysis=ROLLOUT_ANALYSIS)
            candidate = served.wait_candidate()
            served.wait(lambda _: candidate in requests.summary.revisions, "the candidate's first request", within=60)
            seconds = served.wait(
                lambda served: served.status.rollout is None or served.weight_of(candidate) <= 1 < served_once(served),
                "the candidate out of traffic",
                within=180,
            )
            served.wait_stalled("RolledBack")
            served.wait_ended()
        counts = requests.summary.revisions[candidate]
        return Harm(round(seconds, 1), counts.requests, counts.failed, requests.summary.lost)


def served_once(served: Served) -> int:
    """2 once the candidate is being taken back, 0 before: the entry weight is no way out."""
    rollout = served.status.rollout
    return 2 if rollout is not None and rollout.phase == "Withdrawing" else 0


def seconds_to_first_child(cluster: Cluster) -> list[float]:
    """Seconds from writing a changed spec to the new revision's ControllerRevision, seen by a watch."""
    found = []
    with Served.in_new_namespace(cluster) as served:
        served.apply("echo-1")
        served.wait_ready()
        for number in range(CHANGES):
            document = served.document("echo-1")
            document["spec"]["pod"] = {"annotations": {"change": str(number)}}
            version = served.apps.list_namespaced_controller_revision(served.namespace).metadata.resource_version
            watcher: Any = watch.Watch()  # type: ignore[no-untyped-call]
            start = time.monotonic()
            served.apply_document(document)
            stream = watcher.stream(
                served.apps.list_namespaced_controller_revision,
                served.namespace,
                resource_version=version,
                timeout_seconds=30,
            )
            for event in stream:
                if event["type"] == "ADDED":
                    found.append(time.monotonic() - start)
                    watcher.stop()
            back = served.apply("echo-1")
            served.wait(lambda served, wanted=back: _at_rest(served, wanted), "the candidate gone")  # type: ignore[misc]
    return found


def _at_rest(served: Served, generation: int) -> bool:
    return served.status.observed_generation == generation and served.status.candidate is None


def requests_while_idle(cluster: Cluster) -> dict[str, float]:
    """Requests a second of the operator, by verb, with one ModelDeployment at rest; watches and health aside."""
    with Served.in_new_namespace(cluster) as served:
        served.apply("echo-1")
        served.wait_ready()
        served.wait(lambda served: served.status.slots.a.in_force_since is not None, "the route in force")
        before = _operator_requests(cluster)
        _await_quiet(cluster)
        start, first = time.monotonic(), _operator_requests(cluster)
        Reporter().line(f"idle for {IDLE_SECONDS} s")
        while time.monotonic() - start < IDLE_SECONDS:
            time.sleep(5)
        last = _operator_requests(cluster)
        assert before
    return {
        verb: (last[verb] - first.get(verb, 0.0)) / IDLE_SECONDS for verb in last if last[verb] > first.get(verb, 0)
    }


def _await_quiet(cluster: Cluster) -> None:
    deadline, seen = time.monotonic() + 60, _operator_requests(cluster)
    while time.monotonic() < deadline:
        time.sleep(5)
        now = _operator_requests(cluster)
        if now == seen:
            return
        seen = now


def _operator_requests(cluster: Cluster) -> dict[str, float]:
    """Counters of the operator's own requests by verb and kind, from its /metrics through the API server's proxy."""
    core: Any = client.CoreV1Api(cluster.api)
    pods = core.list_pod_for_all_namespaces(label_selector="app.kubernetes.io/name=tidegate").items
    running = next(pod for pod in pods if pod.status.phase == "Running" and pod.metadata.deletion_timestamp is None)
    text = core.connect_get_namespaced_pod_proxy_with_path(
        f"{running.metadata.name}:8080", running.metadata.namespace, "metrics"
    )
    lines = re.findall(r"^tidegate_api_requests_total\{([^}]*)\} (\S+)$", text, re.MULTILINE)
    return {labels: float(value) for labels, value in lines}


def main() -> int:
    """Run everything and print it."""
    console, reporter = Console(), Reporter()
    with tempfile.TemporaryDirectory() as scratch:
        cluster = prepare_cluster(Path(scratch), reporter)
    changes = seconds_to_first_child(cluster)
    table = Table("spec change to first child", "p50 ms", "max ms", "changes")
    table.add_row("", f"{statistics.median(changes) * 1000:.0f}", f"{max(changes) * 1000:.0f}", str(len(changes)))
    console.print(table)
    idle = requests_while_idle(cluster)
    console.print(f"requests a second while idle: {sum(idle.values()):.3f} {idle or ''}")
    harms = [harm_of_failing_candidate(cluster) for _ in range(RUNS)]
    table = Table("30 % errors, 40 requests/s", "seconds to out of traffic", "candidate's requests", "failed", "lost")
    for number, harm in enumerate(harms, 1):
        table.add_row(
            f"run {number}", str(harm.seconds), str(harm.candidate_requests), str(harm.failed), str(harm.lost)
        )
    console.print(table)
    OUTPUT.parent.mkdir(exist_ok=True)
    result = {
        "firstChildSeconds": changes,
        "idleRequestsPerSecond": idle,
        "harm": [asdict(harm) for harm in harms],
        "group": API_GROUP,
    }
    OUTPUT.write_text(json.dumps(result, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
