"""Samples recorded on a real gateway, replayed through the operator with and without kills: the same evidence."""

import gzip
import json
import random
import re
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.component.crashing import CrashingBench, Kills, Moment, never
from tests.component.reconciling import FILES, Object
from tidegate.api.names import KIND
from tidegate.gateways import ENVOY_GATEWAY
from tidegate.judge.samples import Series

STREAMS = Path(__file__).parent / "streams"
NEXT: Object = {"limits": {"nvidia.com/gpu": 2}}
FIRST_REQUEST_SECONDS = 19.0
"""From the change of the spec to the candidate's first requests, in the tests' cluster."""
RANGE = re.compile(r"\[(\d+)s\]$")
EDGE = re.compile(r'le=~"\((.+)\)\?"')


@cache
def recorded(name: str) -> list[Object]:
    """What `python -m bench.streams` wrote."""
    found: list[Object] = json.loads(gzip.decompress((STREAMS / f"{name}.json.gz").read_bytes()))
    return found


def first_request(series: list[Object]) -> float:
    """Moment of the scrape that showed the candidate's first finished request."""
    finished = [one for one in series if is_finished_by_candidate(one["labels"])]
    return min(float(moment) for one in finished for moment, value in one["samples"] if value > 0)


def is_finished_by_candidate(labels: Object) -> bool:
    by_candidate = str(labels.get(ENVOY_GATEWAY.backend_label, "")).endswith("backend/1")
    return labels["__name__"] == ENVOY_GATEWAY.finished and by_candidate


class Replay:
    """A metrics source that answers from a recording, as if the candidate had come at `start` (Unix seconds)."""

    def __init__(self, name: str, start: float) -> None:
        self._series = recorded(name)
        self._ahead = round(start + FIRST_REQUEST_SECONDS - first_request(self._series))

    async def range_samples(self, query: str, time: float) -> list[Series]:
        asked, edge = RANGE.search(query), EDGE.search(query)
        assert asked is not None
        since = time - int(asked[1])
        answer = []
        for one in self._series:
            if one["labels"]["__name__"] not in query:
                continue
            if edge and "le" in one["labels"] and not re.fullmatch(edge[1], one["labels"]["le"]):
                continue
            moved = [(moment + self._ahead, value) for moment, value in one["samples"]]
            samples = [sample for sample in moved if since < sample[0] <= time]
            answer += [Series(one["labels"], samples)] if samples else []
        return answer

    async def instant(self, query: str, time: float) -> Object:
        raise AssertionError(f"asked {query}, which no recording answers")


def at_random(seed: int, share: float) -> Kills:
    """Kill before or after a share of the writes."""
    chance = random.Random(seed)

    def kills(index: int, moment: Moment) -> bool:
        return chance.random() < share

    return kills


async def evidence_of(name: str, kills: Kills, rollout: Object, seconds: int = 400) -> tuple[list[Any], int]:
    """Everything that was ever recorded of a rollout's evidence, in order, and how often the operator was killed."""
    bench = CrashingBench()
    await bench.serving()
    bench.metrics = Replay(name, bench.cluster.now.timestamp())
    bench.kill_at(kills)
    bench.edit(FILES, resources=NEXT, rollout=rollout)
    await bench.run(seconds, lambda: bench.status.get("rollout", {}).get("phase") in ("Promoting", "Withdrawing"))
    assert bench.observer.violations == []
    stored = [change.item["status"].get("rollout", {}) for change in bench.history if told(change)]
    distinct: list[Any] = []
    for rollout_then in stored:
        found = rollout_then.get("evidence")
        if found and (not distinct or distinct[-1] != found):
            distinct.append(found)
    return distinct, bench.mortal.deaths


def told(change: Any) -> bool:
    return change.kind == KIND and change.item is not None and "status" in change.item


PLANS: dict[str, Object] = {
    "errors": {"analysis": {"intervalSeconds": 10}},
    "healthy": {"analysis": {"intervalSeconds": 10}},
    "hanging": {"analysis": {"intervalSeconds": 10}},
    "slow": {"analysis": {"intervalSeconds": 10, "latency": {"boundMilliseconds": 250, "maxSharePercent": "1"}}},
}


@pytest.mark.parametrize("name", PLANS)
async def test_recorded_streams_say_the_same_whoever_is_killed(name: str) -> None:
    reference, _ = await evidence_of(name, never, PLANS[name])
    assert reference[-1]["intervals"] >= 2
    for seed in range(3):
        found, deaths = await evidence_of(name, at_random(seed, 0.2), PLANS[name])
        assert deaths > 0
        assert found == reference


async def test_a_recording_is_read_as_it_was_scraped() -> None:
    replay = Replay("errors", datetime(2026, 1, 1, tzinfo=UTC).timestamp())
    series = await replay.range_samples(ENVOY_GATEWAY.query("demo", "filetype", 600), 1767225600.0 + 100)
    names = {one.labels["__name__"] for one in series}
    assert {ENVOY_GATEWAY.presence, ENVOY_GATEWAY.finished, ENVOY_GATEWAY.errors} <= names
