"""Every version of every object as the API server stored it, and what an outsider finds wrong with their order."""

import time
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise

from tests.chaos.api import Key, Object
from tests.chaos.gateway import Route
from tests.chaos.observer import Observer, finished_of
from tidegate.api.names import KIND, LABEL_MODELDEPLOYMENT

SLACK_SECONDS = 1.0
"""Two watches may tell of their changes by as much later than they were stored."""


@dataclass(frozen=True)
class Stored:
    """One version of an object (None: it is gone), stored at that version of the whole cluster."""

    version: int
    at: float
    kind: str
    name: str
    item: Object | None


class Recorder:
    """Listens to mirrors and keeps everything, by ModelDeployment."""

    def __init__(self) -> None:
        self._stored: dict[Key, list[Stored]] = defaultdict(list)

    def see(self, kind: str, item: Object, gone: bool) -> None:
        """Keep a version."""
        metadata = item["metadata"]
        owner = metadata["name"] if kind == KIND else metadata["labels"][LABEL_MODELDEPLOYMENT]
        version = Stored(int(metadata["resourceVersion"]), time.time(), kind, metadata["name"], None if gone else item)
        self._stored[metadata["namespace"], owner].append(version)

    def history(self, key: Key) -> list[Stored]:
        """Versions of the ModelDeployment's objects in the order they were stored, across kinds."""
        return sorted(self._stored[key], key=lambda stored: stored.version)

    def objects(self, key: Key) -> dict[tuple[str, str], Object]:
        """Its objects as they are now."""
        latest = {(stored.kind, stored.name): stored.item for stored in self.history(key)}
        return {name: item for name, item in latest.items() if item is not None}

    def violations(self, key: Key, traffic: Route, *, timeout_seconds: float) -> list[str]:
        """What the observer finds broken in that history, and requests that were counted twice or never made."""
        observer = Observer(key[1], timeout_seconds=timeout_seconds, slack_seconds=SLACK_SECONDS)
        history = self.history(key)
        for stored in history:
            observer.see(stored.kind, stored.name, stored.item, stored.at)
        miscounted = [_miscounted(before, after, traffic) for before, after in pairwise(_evidences(history))]
        return observer.violations + [found for found in miscounted if found]


def _evidences(history: list[Stored]) -> list[Object]:
    statuses = [stored.item.get("status") or {} for stored in history if stored.kind == KIND and stored.item]
    return [found for status in statuses if (found := (status.get("rollout") or {}).get("evidence"))]


def _miscounted(before: Object, after: Object, traffic: Route) -> str:
    """Requests learnt of between two statuses were made between the last scrapes of what either had judged."""
    start, end = float(before["judgedUntil"]), float(after["judgedUntil"])
    learnt = finished_of(after) - finished_of(before)
    made = traffic.finished_between(int(start), int(end))
    # Counters are whole numbers, and there are four of them.
    return f"{learnt} requests counted from {start} to {end}, {made:.0f} were made" if learnt > made + 4 else ""
