"""Gateways described in the operator's configuration: the profile that comes of it, and mistakes found at the start."""

from typing import Any

import pytest

from tidegate.controller.settings import SettingsError, parse_settings
from tidegate.gateways import ENVOY_GATEWAY, GatewayProfile, Histogram
from tidegate.judge.rules import Metric

RESPONSES = "envoy_cluster_upstream_rq_xx"
LEAST: dict[str, Any] = {
    "controllerName": "example.com/gateway-controller",
    "presence": "proxy_up",
    "finished": "proxy_requests_total",
    "errors": {"name": "proxy_failures_total"},
    "backendLabel": "backend",
    "backendValue": "{namespace}/{service}",
}
ENVOY: dict[str, Any] = {
    "controllerName": ENVOY_GATEWAY.controller_name,
    "presence": "envoy_server_live",
    "finished": "envoy_cluster_upstream_rq_completed",
    "errors": {"name": RESPONSES, "labels": {"envoy_response_code_class": "5"}},
    "abandoned": ["envoy_cluster_upstream_cx_destroy_local_with_active_rq", "envoy_cluster_upstream_rq_tx_reset"],
    "timeouts": ["envoy_cluster_upstream_rq_timeout", "envoy_cluster_upstream_rq_per_try_timeout"],
    "clientErrors": {"name": RESPONSES, "labels": {"envoy_response_code_class": "4"}},
    "latency": {"buckets": "envoy_cluster_upstream_rq_time_bucket", "count": "envoy_cluster_upstream_rq_time_count"},
    "inFlight": "envoy_cluster_upstream_rq_active",
    "backendLabel": "envoy_cluster_name",
    "backendValue": "httproute/{namespace}/{name}/rule/0/backend/{index}",
}


def profile_of(described: dict[str, Any]) -> GatewayProfile:
    (gateway,) = parse_settings({"gateways": [described]}, "config.yaml").gateways
    return gateway.profile()


def test_all_that_is_built_in_can_be_configured() -> None:
    found = profile_of(ENVOY)
    assert (found, found.controller_name) == (ENVOY_GATEWAY, ENVOY_GATEWAY.controller_name)


def test_what_is_not_described_is_not_judged() -> None:
    found = profile_of(LEAST)
    assert found.metrics == {Metric.Errors}
    assert found.query("demo", "filetype", 60, latency=True) == (
        '{__name__=~"proxy_up|proxy_requests_total|proxy_failures_total",'
        'backend=~"(demo/filetype-a|demo/filetype-b)?"}[60s]'
    )


def test_edges_may_be_in_seconds() -> None:
    described = {"buckets": "t_bucket", "count": "t_count", "edgeLabel": "until", "milliseconds": 1000}
    expected = Histogram(buckets="t_bucket", count="t_count", edge_label="until", milliseconds=1000.0)
    assert profile_of({**LEAST, "latency": described}).latency == expected


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"controllerName": "contour"}, "gateways.0.controllerName: found 'contour', expected: String should match"),
        ({"presence": ""}, "gateways.0.presence: found '', expected: String should match"),
        ({"finished": ""}, "gateways.0.finished: found ''"),
        ({"errors": {"name": ""}}, "gateways.0.errors.name: found ''"),
        ({"errors": {"name": "a", "labels": {"class": 5}}}, "gateways.0.errors.labels.class: found 5, expected:"),
        ({"abandoned": ["a", ""]}, "gateways.0.abandoned.1: found ''"),
        ({"timeouts": ["a b"]}, "gateways.0.timeouts.0: found 'a b'"),
        ({"clientErrors": {"name": "a|b"}}, "gateways.0.clientErrors.name: found 'a|b'"),
        ({"latency": {"buckets": "a"}}, "gateways.0.latency.count: not there; set it"),
        ({"latency": {"buckets": "a", "count": "b", "milliseconds": 0}}, "gateways.0.latency.milliseconds: found 0"),
        ({"inFlight": ""}, "gateways.0.inFlight: found ''"),
        ({"backendLabel": "a-b"}, "gateways.0.backendLabel: found 'a-b'"),
        (
            {"backendValue": "{namespace}/{name}"},
            "gateways.0.backendValue: found '{namespace}/{name}', expected: a value",
        ),
        ({"backendValue": "{namespace}/{pod}"}, "expected: no other placeholder than {namespace}, {name}, {index}, "),
        ({"settleSeconds": 2}, "gateways.0.settleSeconds: unknown key"),
    ],
)
def test_every_mistake_names_the_key(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_settings({"gateways": [{**LEAST, **changed}]}, "config.yaml")
    assert message in str(caught.value)


@pytest.mark.parametrize("key", ["controllerName", "presence", "finished", "errors", "backendLabel", "backendValue"])
def test_what_cannot_be_guessed_has_to_be_there(key: str) -> None:
    described = {name: value for name, value in LEAST.items() if name != key}
    with pytest.raises(SettingsError, match=rf"^config.yaml: gateways\.0\.{key}: not there; set it$"):
        parse_settings({"gateways": [described]}, "config.yaml")


def test_a_controller_is_described_once() -> None:
    with pytest.raises(
        SettingsError, match=r"gateways\.2\.controllerName: found 'example.com/gateway-controller' again"
    ):
        parse_settings({"gateways": [LEAST, ENVOY, LEAST]}, "config.yaml")
