"""The chart's values and the operator's settings are one thing in two places."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest
import yaml

from tests.unit.controller.test_gateway_settings import ENVOY, LEAST
from tidegate.controller.gateway_settings import GatewaySettings
from tidegate.controller.section import Section
from tidegate.controller.settings import Settings, parse_settings

CHART = Path(__file__).parents[3] / "charts" / "tidegate"
VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())

# Settings the chart fixes by itself.
FIXED = {"metricsPort", "leaderElection"}


def configuration(values: dict[str, Any]) -> dict[str, Any]:
    """The operator's configuration file as the chart writes it."""
    prometheus = {key: value for key, value in values["prometheus"].items() if key != "secretName" and value != ""}
    keys = {field.alias for field in Settings.model_fields.values()} - FIXED
    return {**{key: values[key] for key in keys if key}, "prometheus": prometheus}


def test_the_chart_has_every_setting_with_the_operators_default() -> None:
    assert parse_settings(configuration(VALUES), "values.yaml") == Settings()


def test_values_fit_the_schema() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    jsonschema.Draft7Validator(SCHEMA).validate(VALUES)


def test_every_value_is_in_the_schema_and_the_other_way_round() -> None:
    assert sorted(_keys(VALUES, SCHEMA)) == sorted(_schema_keys(SCHEMA) - {"global"})


def test_the_schema_describes_everything_and_allows_nothing_else() -> None:
    for path, schema in _walk(SCHEMA, ""):
        assert schema.get("description"), f"{path}: no description"
        if "properties" in schema:
            assert schema["additionalProperties"] is False, f"{path}: takes unknown keys"


@pytest.mark.parametrize("described", [LEAST, ENVOY])
def test_a_gateway_that_the_operator_takes_fits_the_schema(described: dict[str, Any]) -> None:
    jsonschema.Draft7Validator(SCHEMA).validate({"gateways": [described]})
    assert parse_settings(configuration({**VALUES, "gateways": [described]}), "values.yaml").gateways


@pytest.mark.parametrize("key", [*LEAST, "inFlight", "abandoned"])
def test_a_gateway_without_what_it_needs_fits_neither(key: str) -> None:
    wrong = {**LEAST, key: ""}
    assert not jsonschema.Draft7Validator(SCHEMA).is_valid({"gateways": [wrong]})


def test_the_schema_of_a_gateway_is_that_of_the_operators_settings() -> None:
    _same_keys(SCHEMA["properties"]["gateways"]["items"], GatewaySettings)


def _same_keys(schema: dict[str, Any], section: type[Section]) -> None:
    fields = {field.alias: field for field in section.model_fields.values()}
    assert schema["properties"].keys() == fields.keys()
    assert set(schema["required"]) == {name for name, field in fields.items() if field.is_required()}
    for name, inner in schema["properties"].items():
        kinds = (fields[name].annotation, *get_args(fields[name].annotation))
        for kind in kinds:
            if isinstance(kind, type) and issubclass(kind, Section):
                _same_keys(inner, kind)


def _walk(schema: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for key, inner in schema.get("properties", {}).items():
        yield from _walk(inner, f"{path}.{key}".lstrip("."))
    items = schema.get("items", {})
    if "properties" in items:
        yield from _walk(items, f"{path}[]")


def _schema_keys(schema: dict[str, Any]) -> set[str]:
    return {path for path, inner in _walk(schema, "") if "properties" not in inner and "[]" not in path}


def _keys(values: dict[str, Any], schema: dict[str, Any], path: str = "") -> Iterator[str]:
    for key, value in values.items():
        inner = schema["properties"].get(key, {})
        if "properties" in inner:
            yield from _keys(value, inner, f"{path}{key}.")
        else:
            yield f"{path}{key}"
