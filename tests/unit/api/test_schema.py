"""The converter from pydantic's JSON schema to a structural schema."""

from datetime import datetime
from typing import Annotated, Any, Literal

import pytest
from pydantic import ConfigDict, Field

from tidegate.api.base import ApiModel, FreeObject, Quantity, list_map
from tidegate.api.cel import VALIDATIONS, rule, rules
from tidegate.api.schema import SchemaError, structural

Text = Annotated[str, Field(max_length=9)]
Number = Annotated[int, Field(ge=0, le=9)]


def converted(annotation: Any, *, is_status: bool = False) -> dict[str, Any]:
    """Structural schema of a field of this type."""
    model = type("Model", (ApiModel,), {"__annotations__": {"some_field": annotation}, "__module__": __name__})
    schema: dict[str, Any] = structural(model, is_status=is_status)["properties"]["someField"]
    return schema


class Inner(ApiModel):
    """An inner object."""

    model_config = ConfigDict(json_schema_extra=rules(rule("self.a < 5", "expected less than 5")))

    a: Number = 3
    """How many."""


class Outer(ApiModel):
    """An outer object."""

    inner: Annotated[Inner, Field(json_schema_extra=rules(rule("has(self.a)", "expected a")))] = Inner()
    """The inner one."""

    again: Inner | None = None
    """The inner one, perhaps."""


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (Text, {"type": "string", "maxLength": 9}),
        (Text | None, {"type": "string", "maxLength": 9}),
        (Number, {"type": "integer", "minimum": 0, "maximum": 9}),
        (bool, {"type": "boolean"}),
        (datetime, {"type": "string", "format": "date-time", "maxLength": 64}),
        (Literal["A", "B"], {"type": "string", "enum": ["A", "B"]}),
        (Literal["A"], {"type": "string", "enum": ["A"]}),
        (Literal["A", "B"] | None, {"type": "string", "enum": ["A", "B"]}),
        (FreeObject, {"type": "object", "x-kubernetes-preserve-unknown-fields": True}),
        (FreeObject | None, {"type": "object", "x-kubernetes-preserve-unknown-fields": True}),
        (
            Quantity,
            {
                "maxLength": 64,
                "x-kubernetes-int-or-string": True,
                "anyOf": [{"type": "integer"}, {"type": "string"}],
            },
        ),
        (
            Annotated[list[Text], Field(max_length=2, json_schema_extra=list_map("a"))],
            {
                "type": "array",
                "items": {"type": "string", "maxLength": 9},
                "maxItems": 2,
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["a"],
            },
        ),
        (
            Annotated[dict[str, Text], Field(max_length=2)],
            {"type": "object", "additionalProperties": {"type": "string", "maxLength": 9}, "maxProperties": 2},
        ),
    ],
)
def test_one_value_becomes(annotation: Any, expected: dict[str, Any]) -> None:
    assert converted(annotation) == expected


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (str, "found a value of type string without maxLength"),
        (Annotated[int, Field(ge=0)], "found a value of type integer without maximum"),
        (int, "found a value of type integer without minimum and maximum"),
        (list[Text], "found a value of type array without maxItems"),
        (dict[str, Text], "found a value of type object without maxProperties"),
        (Annotated[list[str], Field(max_length=2)], r"Model\.someField\[\]: found a value of type string"),
        (Annotated[dict[str, int], Field(max_length=2)], r"Model\.someField\.\*: found a value of type integer"),
        (float, "found a floating-point number"),
        (Text | Number, "found a choice of 2 types"),
        (Annotated[int, Field(gt=0, le=9)], "found exclusiveMinimum; a structural schema knows no such keyword"),
    ],
)
def test_what_has_no_bounded_structural_form_is_refused(annotation: Any, words: str) -> None:
    with pytest.raises(SchemaError, match=words):
        converted(annotation)


def test_references_are_replaced_and_keep_rules_from_both_sides() -> None:
    schema = structural(Outer)
    inner = schema["properties"]["inner"]
    assert "$ref" not in str(schema)
    assert "$defs" not in schema
    assert inner["description"] == "The inner one. Default: those of its fields."
    assert [entry["rule"] for entry in inner[VALIDATIONS]] == ["self.a < 5", "has(self.a)"]
    assert [entry["rule"] for entry in schema["properties"]["again"][VALIDATIONS]] == ["self.a < 5"]


def test_defaults_are_given_in_full_and_told() -> None:
    inner = structural(Outer)["properties"]["inner"]
    assert inner["default"] == {"a": 3}
    assert inner["properties"]["a"]["default"] == 3
    assert inner["properties"]["a"]["description"] == "How many. Default: 3."
    assert "default" not in structural(Outer)["properties"]["again"]


def test_status_has_neither_defaults_nor_rules() -> None:
    schema = structural(Outer, is_status=True)
    assert "default" not in str(schema)
    assert VALIDATIONS not in str(schema)
    assert schema["properties"]["inner"]["properties"]["a"]["maximum"] == 9


class Nothing(ApiModel):
    """An object without fields."""


def test_an_object_without_fields_is_written_as_the_api_server_publishes_it() -> None:
    assert converted(Nothing | None) == {"type": "object", "description": "An object without fields."}
