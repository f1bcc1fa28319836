"""Gateway profiles: what is asked for, and how what comes is sorted."""

import re
from dataclasses import replace

import pytest

from tidegate.gateways import ENVOY_GATEWAY, Histogram, edge_for, slot_series
from tidegate.judge.rules import Metric
from tidegate.judge.samples import Series

BACKEND = ENVOY_GATEWAY.backend("demo", "filetype", "b")
CLUSTER = "envoy_cluster_upstream_"
SECONDS = replace(ENVOY_GATEWAY, latency=Histogram(buckets="t_bucket", count="t_count", milliseconds=1000.0))


def one(name: str, **labels: str) -> Series:
    return Series({"__name__": name, "envoy_cluster_name": BACKEND, **labels}, ())


def buckets(*edges: str, name: str = f"{CLUSTER}rq_time_bucket") -> list[Series]:
    return [one(name, le=edge) for edge in edges]


def matches(query: str, labels: dict[str, str]) -> bool:
    found = re.findall(r'(\w+)=~"([^"]*)"', query)
    return all(re.fullmatch(pattern, labels.get(label, "")) for label, pattern in found)


@pytest.mark.parametrize(
    ("bound", "expected"),
    [(250.0, 250.0), (200.0, 250.0), (251.0, 1000.0), (1000.0, 1000.0), (1000.5, None)],
)
def test_the_edge_is_at_the_bound_or_the_next_one_above(bound: float, expected: float | None) -> None:
    shown = buckets("100", "250.0", "1000", "+Inf", "nonsense")
    assert edge_for(ENVOY_GATEWAY, shown, bound) == expected


def test_edges_in_seconds_are_milliseconds_here() -> None:
    shown = buckets("0.1", "0.25", "+Inf", name="t_bucket")
    assert edge_for(SECONDS, shown, 200.0) == 250.0
    assert len(slot_series(SECONDS, shown, BACKEND, 250.0).in_time) == 1
    query = SECONDS.query("demo", "filetype", 60, latency=True, edge=250.0)
    assert [item.labels["le"] for item in shown if matches(query, dict(item.labels))] == ["0.25"]


def test_a_gateway_without_a_histogram_has_no_edge() -> None:
    profile = replace(ENVOY_GATEWAY, latency=None)
    assert edge_for(profile, buckets("250"), 250.0) is None
    assert profile.metrics == {Metric.Errors, Metric.ClientErrors}
    assert "rq_time_" not in profile.query("demo", "filetype", 60, latency=True)


@pytest.mark.parametrize("written", ["250", "250.0", "250.000"])
def test_one_edge_is_asked_for_however_it_is_written_and_with_it_all_that_has_none(written: str) -> None:
    query = ENVOY_GATEWAY.query("demo", "filetype", 60, latency=True, edge=250.0)
    asked = [*buckets(written), one(f"{CLUSTER}rq_completed"), Series({"__name__": "envoy_server_live"}, ())]
    assert [item for item in asked if not matches(query, dict(item.labels))] == []
    others = [*buckets("25", "2500", "250.5", "+Inf"), one(f"{CLUSTER}rq_total")]
    assert [item for item in others if matches(query, dict(item.labels))] == []


def test_4xx_and_5xx_are_told_apart() -> None:
    shown = [one(f"{CLUSTER}rq_xx", envoy_response_code_class=digit) for digit in "245"]
    found = slot_series(ENVOY_GATEWAY, shown, BACKEND)
    assert [item.labels["envoy_response_code_class"] for item in (*found.errors, *found.client_errors)] == ["5", "4"]


def test_series_of_another_backend_are_left_out() -> None:
    assert list(slot_series(ENVOY_GATEWAY, buckets("250"), ENVOY_GATEWAY.backend("demo", "filetype", "a"), 250.0)) == []
