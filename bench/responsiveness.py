"""How soon the operator acts on a change, and how quiet it is without one, on the full lab.

`python -m bench.responsiveness` prints tables and writes build/responsiveness.json.
"""

import json
import statistics
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from queue import Queue
from typing import Any, Self

from kubernetes import watch
from rich.console import Console
from rich.table import Table
from urllib3.exceptions import ProtocolError

from lab.progress import Reporter
from lab.trial import Cluster, Served, prepare_cluster

CHANGES = 20
IDLE_SECONDS = 120
REPORT = Path(__file__).parent.parent / "build" / "responsiveness.json"


class FirstChildren:
    """The moments at which ControllerRevisions were seen to appear, by a watch that is open all the time."""

    def __init__(self, served: Served) -> None:
        self._seen: Queue[float] = Queue()
        self._served = served
        self._watcher: Any = watch.Watch()  # type: ignore[no-untyped-call]
        self._version = served.apps.list_namespaced_controller_revision(served.namespace).metadata.resource_version

    def __enter__(self) -> Self:
        threading.Thread(target=self._follow, name="first children", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._watcher.stop()

    def _follow(self) -> None:
        listing = self._served.apps.list_namespaced_controller_revision
        # The watch ends with the namespace, in the middle of its answer.
        with suppress(ProtocolError):
            for event in self._watcher.stream(listing, self._served.namespace, resource_version=self._version):
                if event["type"] == "ADDED":
                    self._seen.put(time.monotonic())

    def next(self, *, within: float = 30) -> float:
        """The moment (monotonic seconds) the next one appeared."""
        return self._seen.get(timeout=within)


def seconds_to_first_child(cluster: Cluster) -> list[float]:
    """Seconds from just before a changed spec is written to the new revision's ControllerRevision, seen by a watch."""
    found = []
    with Served.in_new_namespace(cluster) as served:
        served.apply("echo-1")
        served.wait_ready()
        with FirstChildren(served) as children:
            for number in range(CHANGES):
                document = served.document("echo-1")
                document["spec"]["pod"] = {"annotations": {"change": str(number)}}
                start = time.monotonic()
                served.apply_document(document)
                found.append(children.next() - start)
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
        first = cluster.quiet_operator_requests()
        time.sleep(IDLE_SECONDS)
        last = cluster.operator_requests()
    return {
        verb: (last[verb] - first.get(verb, 0.0)) / IDLE_SECONDS for verb in last if last[verb] > first.get(verb, 0)
    }


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
    REPORT.parent.mkdir(exist_ok=True)
    document = {"firstChildSeconds": changes, "idleRequestsPerSecond": idle}
    REPORT.write_text(json.dumps(document, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
