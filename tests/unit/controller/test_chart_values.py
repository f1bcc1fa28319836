"""The chart's values and the operator's settings are one thing in two places."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import yaml

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


def _walk(schema: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for key, inner in schema.get("properties", {}).items():
        yield from _walk(inner, f"{path}.{key}".lstrip("."))


def _schema_keys(schema: dict[str, Any]) -> set[str]:
    return {path for path, inner in _walk(schema, "") if "properties" not in inner}


def _keys(values: dict[str, Any], schema: dict[str, Any], path: str = "") -> Iterator[str]:
    for key, value in values.items():
        inner = schema["properties"].get(key, {})
        if "properties" in inner:
            yield from _keys(value, inner, f"{path}{key}.")
        else:
            yield f"{path}{key}"
