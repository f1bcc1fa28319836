"""The observer of tests/chaos finds every breach it is there for: a good history, spoilt in one place each."""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.chaos.observer import Observer, weights_of
from tests.component.crashing import TIMEOUT_SECONDS, Change, never
from tests.component.reconciling import NAME, Object
from tests.component.test_crash_loop import rollout
from tidegate.api.names import KIND

History = list[Change]


def observed(history: History) -> list[str]:
    observer = Observer(NAME, timeout_seconds=TIMEOUT_SECONDS)
    for change in history:
        observer.see(change.kind, change.name, change.item, change.at)
    return observer.violations


def everything(item: Object) -> bool:
    return True


def find(
    history: History, kind: str, wanted: Callable[[Object], bool] = everything, name: str = "", nth: int = -1
) -> int:
    """Index of the `nth` (by default the last) change of that kind and name whose object is as wanted."""
    return [
        index
        for index, change in enumerate(history)
        if change.kind == kind and name in ("", change.name) and change.item is not None and wanted(change.item)
    ][nth]


def has_weights(a: int, b: int) -> Callable[[Object], bool]:
    return lambda item: weights_of(item) == {"a": a, "b": b}


def selects(revision: str) -> Callable[[Object], bool]:
    return lambda item: bool(item["spec"]["selector"]["tidegate.dev/revision"] == revision)


def in_rollout(item: Object) -> bool:
    return bool(item.get("status", {}).get("rollout", {}).get("evidence"))


def edited(history: History, index: int, edit: Callable[[Any], object]) -> History:
    item = copy.deepcopy(history[index].item)
    edit(item)
    return [*history[:index], replace(history[index], item=item), *history[index + 1 :]]


def repeated(history: History, index: int, edit: Callable[[Any], object]) -> History:
    """Once more the same object right after that change, edited."""
    return edited([*history[: index + 1], *history[index:]], index + 1, edit)


def without(history: History, *wanted: Callable[[Object], bool]) -> History:
    return [
        change
        for change in history
        if change.kind != "HTTPRoute" or change.item is None or not any(one(change.item) for one in wanted)
    ]


def earlier(history: History, index: int, before: int) -> History:
    """The change at `index` comes right before the one at `before`."""
    moved = replace(history[index], at=history[before].at)
    return [*history[:before], moved, *history[before:index], *history[index + 1 :]]


def set_weight(item: Any) -> None:
    item["spec"]["rules"][0]["backendRefs"][1]["weight"] = 60_000


def set_learnt(item: Any) -> None:
    item["status"]["rollout"]["evidence"]["metrics"]["errors"]["total"]["candidate"]["finished"] += 1


def first_deleted(history: History) -> int:
    return next(index for index, change in enumerate(history) if change.kind == "Deployment" and change.item is None)


def accepted(history: History, index: int) -> History:
    """The route at `index` was taken up only at the moment of the next change of its weights."""
    late = next(i for i in range(index, len(history)) if history[i].kind == "HTTPRoute" and i > index)
    return [replace(one, at=history[late].at) if i == index else one for i, one in enumerate(history)]


BREACHES: dict[str, tuple[str, Callable[[History], History]]] = {
    "sum": ("do not sum", lambda h: edited(h, find(h, "HTTPRoute", has_weights(950_000, 50_000)), set_weight)),
    "entry": ("slot b entered at 50000", lambda h: without(h, has_weights(999_999, 1))),
    "exit": ("slot a left from 750000", lambda h: without(h, has_weights(1, 999_999))),
    "not held": (
        "after the gateway took them up",
        lambda h: accepted(h, find(h, "HTTPRoute", has_weights(999_999, 1))),
    ),
    "not recorded": ("were written, recorded are", lambda h: [one for one in h if one.kind != KIND or one is h[0]]),
    "more than its pods carry": (
        "the candidate has weight 250000",
        lambda h: [one for one in h if one.kind != "EndpointSlice" or not one.name.startswith(f"{NAME}-b")],
    ),
    "given away with weight": (
        "to none at weight 750000",
        lambda h: earlier(
            h, find(h, "Service", selects("none"), f"{NAME}-a"), find(h, "HTTPRoute", has_weights(750_000, 250_000)) + 1
        ),
    ),
    "given away early": (
        "before it was drained",
        lambda h: earlier(
            h,
            find(h, "Service", selects("none"), f"{NAME}-a"),
            find(h, "HTTPRoute", has_weights(0, 1_000_000), nth=0) + 2,
        ),
    ),
    "pointer": (
        "which has weight 250000",
        lambda h: earlier(h, find(h, "Service", name=NAME), find(h, "HTTPRoute", has_weights(1, 999_999)) - 2),
    ),
    "deleted early": (
        "was deleted before slot a was drained",
        lambda h: earlier(h, first_deleted(h), find(h, "HTTPRoute", has_weights(0, 1_000_000), nth=0) + 2),
    ),
    "deleted with weight": (
        "was deleted at weight 750000",
        lambda h: earlier(h, first_deleted(h), find(h, "HTTPRoute", has_weights(750_000, 250_000)) + 1),
    ),
    "fewer pods with weight": (
        "lost pods at weight",
        lambda h: repeated(h, find(h, "Deployment"), lambda item: item["spec"].update(replicas=0)),
    ),
    "pods described anew": (
        "were described anew",
        lambda h: repeated(h, find(h, "Deployment"), lambda item: item["spec"]["template"].update(new=1)),
    ),
    "rendered again": (
        "was rendered again",
        lambda h: repeated(h, find(h, "ControllerRevision"), lambda item: item["data"].update(new=1)),
    ),
    "made twice": (
        "was made twice",
        lambda h: repeated(h, find(h, "Deployment"), lambda item: item["metadata"].update(uid="other")),
    ),
    "three at once": (
        "run at once",
        lambda h: [
            *h[: (i := find(h, "Deployment"))],
            edited([replace(h[i], name="third")], 0, lambda item: item["metadata"].update(name="third"))[0],
            *h[i:],
        ],
    ),
    "counted twice": ("1 requests were counted", lambda h: repeated(h, find(h, KIND, in_rollout), set_learnt)),
    "skipped step": (
        "was followed by step",
        lambda h: edited(h, find(h, KIND, in_rollout, nth=0), lambda item: item["status"]["rollout"].update(step=2)),
    ),
    "no verdict": (
        "became stable after",
        lambda h: edited(
            h,
            find(h, KIND, lambda item: "previous" in item.get("status", {}), nth=0),
            lambda item: item["status"].update(decisions=[]),
        ),
    ),
}


@pytest.fixture
async def history() -> History:
    """All changes of a rollout, as they should be."""
    return (await rollout(never)).history


async def test_a_good_history_has_no_breach(history: History) -> None:
    assert len(history) > 50
    assert observed(history) == []


@pytest.mark.parametrize("breach", BREACHES)
async def test_a_breach_is_found(history: History, breach: str) -> None:
    told, spoil = BREACHES[breach]
    assert [found for found in observed(spoil(history)) if told in found], observed(spoil(history))
