"""From pydantic's JSON schema to the structural schema Kubernetes wants in a CustomResourceDefinition.

Structural: no references, every value has one type, every list, map and string is bounded, and extensions are spelled
``x-kubernetes-*``. https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import to_jsonable_python

from tidegate.api.base import INT_OR_STRING, PRESERVE_UNKNOWN
from tidegate.api.cel import VALIDATIONS

Schema = dict[str, Any]

KEPT = (
    "type",
    "format",
    "enum",
    "default",
    "pattern",
    "required",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
)
HANDLED = ("$ref", "$defs", "anyOf", "const", "title", "description", "properties", "items", "additionalProperties")
DATE_TIME_LENGTH = 64


class SchemaError(ValueError):
    """A model that cannot be written as a structural schema."""


class _Generator(GenerateJsonSchema):
    """Defaults as documents give them, in full: the API server holds CEL rules against a default as it stands."""

    def encode_default(self, dft: Any) -> Any:
        return to_jsonable_python(dft, by_alias=True, exclude_none=True)


def structural(model: type[BaseModel], *, is_status: bool = False) -> Schema:
    """Structural schema of `model`.

    Parameters
    ----------
    is_status
        Leave out defaults and CEL rules: the operator writes status whole, and what an older release accepted must
        stay writable.

    Raises
    ------
    SchemaError
        When something has no structural form or is unbounded; names the place.
    """
    document = model.model_json_schema(by_alias=True, schema_generator=_Generator)
    return _Converter(document.get("$defs", {}), is_status).convert(document, model.__name__)


@dataclass(frozen=True)
class _Converter:
    definitions: Mapping[str, JsonSchemaValue]
    is_status: bool

    def convert(self, node: JsonSchemaValue, where: str) -> Schema:
        """Convert one node; `where` is its path, for errors."""
        node = self._resolved(node, where)
        unknown = [key for key in node if key not in KEPT + HANDLED and not key.startswith("x-kubernetes-")]
        if unknown:
            raise SchemaError(f"{where}: found {', '.join(unknown)}; a structural schema knows no such keyword")
        schema = {key: node[key] for key in node if key in KEPT or key.startswith("x-kubernetes-")}
        if "const" in node:
            schema["enum"] = [node["const"]]
        if "properties" in node:
            schema["properties"] = {
                name: self.convert(child, f"{where}.{name}") for name, child in node["properties"].items()
            }
        if "items" in node:
            schema["items"] = self.convert(node["items"], f"{where}[]")
        if isinstance(node.get("additionalProperties"), dict):
            schema["additionalProperties"] = self.convert(node["additionalProperties"], f"{where}.*")
        self._adapt(schema)
        _check_bounds(schema, where)
        if schema.get("properties") == {}:
            # The API server publishes it without; who compares the two must not find a difference.
            del schema["properties"]
        return _described(schema, node.get("description"))

    def _resolved(self, node: JsonSchemaValue, where: str) -> JsonSchemaValue:
        """Replace a reference or an optional value by what it stands for; what is said beside it comes on top."""
        beside = {key: value for key, value in node.items() if key not in ("$ref", "anyOf")}
        if "$ref" in node:
            target = self.definitions[node["$ref"].removeprefix("#/$defs/")]
        elif "anyOf" in node:
            choices = [choice for choice in node["anyOf"] if choice != {"type": "null"}]
            if len(choices) != 1:
                raise SchemaError(
                    f"{where}: found a choice of {len(choices)} types; expected one type, or one and null"
                )
            target = choices[0]
        else:
            return {key: value for key, value in node.items() if key != "default" or value is not None}
        target = self._resolved(target, where)
        validations = [*target.get(VALIDATIONS, []), *beside.get(VALIDATIONS, [])]
        both = {**target, **{key: value for key, value in beside.items() if key != "default" or value is not None}}
        return {**both, VALIDATIONS: validations} if validations else both

    def _adapt(self, schema: Schema) -> None:
        if self.is_status:
            schema.pop("default", None)
            schema.pop(VALIDATIONS, None)
        if schema.get(INT_OR_STRING):
            del schema["type"]
            schema["anyOf"] = [{"type": "integer"}, {"type": "string"}]
        if schema.get("format") == "date-time":
            schema["maxLength"] = DATE_TIME_LENGTH


def _check_bounds(schema: Schema, where: str) -> None:
    """Raise where a list, map, string or number could grow without end."""
    kind = schema.get("type")
    missing: tuple[str, ...] = ()
    if kind == "array":
        missing = ("maxItems",)
    elif kind == "object" and "properties" not in schema and not schema.get(PRESERVE_UNKNOWN):
        missing = ("maxProperties",)
    elif kind == "string" and "enum" not in schema:
        missing = ("maxLength",)
    elif kind == "integer":
        missing = ("minimum", "maximum")
    elif kind == "number":
        raise SchemaError(f"{where}: found a floating-point number; expected a string with a decimal number")
    unbounded = [bound for bound in missing if bound not in schema]
    if unbounded:
        raise SchemaError(f"{where}: found a value of type {kind} without {' and '.join(unbounded)}; add the bound")


def shown_default(schema: Schema) -> str:
    """The default as people are told it."""
    default = schema["default"]
    return "those of its fields" if default and "properties" in schema else json.dumps(default)


def _described(schema: Schema, description: str | None) -> Schema:
    """Put the description first, with the default at its end."""
    if description is None:
        return schema
    text = " ".join(description.split())
    if "default" in schema:
        text = f"{text} Default: {shown_default(schema)}."
    return {"description": text, **schema}
