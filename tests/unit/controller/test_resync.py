"""The second look."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tidegate.api.names import KIND, LABEL_MODELDEPLOYMENT
from tidegate.clients.errors import ApiUnavailable
from tidegate.controller.handlers import OWNED_KINDS
from tidegate.controller.resync import Resync

Document = dict[str, Any]
A, B = ("demo", "a"), ("demo", "b")


class Cluster:
    """Answers lists from what the test put in."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str, str], Document] = {}
        self.lists: list[tuple[str, str | None]] = []
        self.down = False

    def put(self, kind: str, name: str, version: str, owner: str | None = None, namespace: str = "demo") -> None:
        labels = {LABEL_MODELDEPLOYMENT: owner} if owner else {}
        metadata = {"name": name, "namespace": namespace, "uid": f"{kind}{name}", "resourceVersion": version}
        self.objects[kind, namespace, name] = {"metadata": {**metadata, "labels": labels}}

    async def list(
        self, kind: str, namespace: str | None, label_selector: str = "", *, metadata_only: bool = False
    ) -> list[Document]:
        if self.down:
            raise ApiUnavailable("down")
        assert metadata_only
        assert label_selector == ("" if kind == KIND else LABEL_MODELDEPLOYMENT)
        self.lists.append((kind, namespace))
        return [
            body for (found, where, _), body in self.objects.items() if found == kind and namespace in (None, where)
        ]


class Queue:
    """Takes keys."""

    def __init__(self) -> None:
        self.taken: list[tuple[tuple[str, str], float]] = []

    def add_after(self, key: tuple[str, str], seconds: float) -> None:
        self.taken.append((key, seconds))

    def drain(self) -> set[tuple[str, str]]:
        keys = {key for key, _ in self.taken}
        self.taken.clear()
        return keys


@pytest.fixture
def cluster() -> Cluster:
    """Two ModelDeployments with a Deployment each."""
    one = Cluster()
    for name in "ab":
        one.put(KIND, name, "1")
        one.put("Deployment", f"{name}-1", "1", owner=name)
    return one


def resync_of(cluster: Cluster, queue: Queue, **options: Any) -> Resync:
    return Resync(cluster, queue, **options)  # type: ignore[arg-type]


async def test_the_first_look_queues_everything_spread_over_a_tenth_of_the_period(cluster: Cluster) -> None:
    queue = Queue()
    draws = iter([0.0, 0.5])
    resync = resync_of(cluster, queue, period=600.0, draw=lambda: next(draws))
    before = resync.synced
    await resync.look()
    assert (before, resync.synced) == (False, True)
    assert queue.taken == [(A, 0.0), (B, 30.0)]


CHANGES: dict[str, tuple[Callable[[Cluster], object], set[tuple[str, str]]]] = {
    "nothing": (lambda cluster: None, set()),
    "its own": (lambda cluster: cluster.put(KIND, "a", "2"), {A}),
    "a child": (lambda cluster: cluster.put("Deployment", "b-1", "2", owner="b"), {B}),
    "a child that is gone": (lambda cluster: cluster.objects.pop(("Deployment", "demo", "b-1")), {B}),
    "a child that is new": (lambda cluster: cluster.put("Pod", "a-1-x", "1", owner="a"), {A}),
    "a child of nobody": (lambda cluster: cluster.put("Pod", "c-1-x", "1", owner="c"), set()),
    "one that is gone": (lambda cluster: cluster.objects.pop((KIND, "demo", "a")), set()),
    "one that is new": (lambda cluster: cluster.put(KIND, "c", "1"), {("demo", "c")}),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_s39_later_looks_queue_only_what_differs(cluster: Cluster, change: str) -> None:
    queue = Queue()
    resync = resync_of(cluster, queue)
    await resync.look()
    queue.drain()
    act, expected = CHANGES[change]
    act(cluster)
    await resync.look()
    assert queue.drain() == expected


async def test_every_kind_is_listed_once_however_many_there_are(cluster: Cluster) -> None:
    for number in range(100):
        cluster.put(KIND, f"more-{number}", "1")
    await resync_of(cluster, Queue()).look()
    assert cluster.lists == [(kind, None) for kind in (KIND, *OWNED_KINDS)]


async def test_only_the_namespaces_asked_for_are_listed(cluster: Cluster) -> None:
    cluster.put(KIND, "elsewhere", "1", namespace="other")
    queue = Queue()
    await resync_of(cluster, queue, namespaces=["demo", "third"]).look()
    assert {namespace for _, namespace in cluster.lists} == {"demo", "third"}
    assert queue.drain() == {A, B}


async def test_s37_a_look_that_fails_forgets_nothing(cluster: Cluster) -> None:
    queue = Queue()
    resync = resync_of(cluster, queue)
    await resync.look()
    queue.drain()
    cluster.down = True
    with pytest.raises(ApiUnavailable):
        await resync.look()
    cluster.down = False
    cluster.put(KIND, "a", "2")
    await resync.look()
    assert queue.drain() == {A}


def test_s37_looks_go_on_through_failures(cluster: Cluster, run: Any) -> None:
    async def scenario() -> None:
        resync = resync_of(cluster, Queue(), period=600.0)
        cluster.down = True
        task = asyncio.create_task(resync.run())
        await asyncio.sleep(30)
        before = resync.synced
        cluster.down = False
        await asyncio.sleep(60)
        assert (before, resync.synced) == (False, True)
        looks = len(cluster.lists)
        await asyncio.sleep(599)
        assert len(cluster.lists) == 2 * looks
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run(scenario())
