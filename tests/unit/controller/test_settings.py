"""The operator's configuration file."""

from pathlib import Path

import pytest

from tidegate.controller.settings import Settings, SettingsError, load_settings, parse_settings

WHOLE = """
prometheus:
  url: https://mimir.example.com/prometheus
  bearerTokenFile: /etc/tidegate/token
  caFile: /etc/tidegate/ca.crt
  headers: {X-Scope-OrgID: demo}
  timeoutSeconds: 2.5
namespaces: [team-a, team-b]
runtimes: {triton: {image: registry.example.com/triton:1}}
workers: 3
resyncSeconds: 60
logLevel: DEBUG
metricsPort: 9000
"""


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(WHOLE)
    settings = load_settings(None, {"TIDEGATE_CONFIG": str(file)})
    assert settings.prometheus.url == "https://mimir.example.com/prometheus"
    assert settings.prometheus.bearer_token_file == "/etc/tidegate/token"
    assert settings.prometheus.headers == {"X-Scope-OrgID": "demo"}
    assert settings.prometheus.timeout_seconds == 2.5
    assert settings.namespaces == ("team-a", "team-b")
    assert settings.runtimes.triton.image == "registry.example.com/triton:1"
    assert (settings.workers, settings.resync_seconds, settings.metrics_port) == (3, 60, 9000)


def test_the_argument_comes_before_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("workers: 2")
    assert load_settings(str(file), {"TIDEGATE_CONFIG": "/nowhere"}).workers == 2


def test_nothing_given_means_defaults(tmp_path: Path) -> None:
    empty = tmp_path / "config.yaml"
    empty.write_text("# nothing to say\n")
    assert load_settings(None, {}) == load_settings(str(empty), {}) == Settings()


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"prometheus": {"url": "prometheus:9090"}}, "prometheus.url: found 'prometheus:9090', expected: URL scheme"),
        ({"prometheus": {"address": "x"}}, "prometheus.address: unknown key"),
        (
            {"prometheus": {"timeoutSeconds": 0}},
            "prometheus.timeoutSeconds: found 0, expected: Input should be greater",
        ),
        ({"namespaces": ["Team_A"]}, "namespaces.0: found 'Team_A', expected: String should match"),
        ({"namespaces": "team-a"}, "namespaces: found 'team-a', expected: Input should be a valid tuple"),
        ({"workers": 0}, "workers: found 0, expected: Input should be greater than or equal to 1"),
        ({"workers": "many"}, "workers: found 'many', expected: Input should be a valid integer"),
        ({"resyncSeconds": 1}, "resyncSeconds: found 1"),
        ({"resync_seconds": 100}, "resync_seconds: unknown key"),
        ({"logLevel": "LOUD"}, "logLevel: found 'LOUD', expected: Input should be 'DEBUG'"),
        ({"metricsPort": 0}, "metricsPort: found 0"),
        ({"runtimes": {"triton": {"image": ""}}}, "runtimes.triton.image: found ''"),
        ({"runtimes": {"vllm": {}}}, "runtimes.vllm: unknown key"),
        (["workers"], "the file: found ['workers'], expected: Input should be a valid dictionary"),
    ],
)
def test_every_mistake_names_key_found_and_expected(document: object, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_settings(document, "config.yaml")
    assert f"config.yaml: {message}" in str(caught.value)


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        parse_settings({"workers": 0, "colour": "red"}, "config.yaml")
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize(("content", "message"), [(None, "No such file"), ("a: [", "not YAML"), ("\0", "not YAML")])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: str | None, message: str) -> None:
    file = tmp_path / "config.yaml"
    if content is not None:
        file.write_text(content)
    with pytest.raises(SettingsError, match=message) as caught:
        load_settings(str(file), {})
    assert str(file) in str(caught.value)
