"""docs/api.md: the schema as tables people read."""

from collections.abc import Iterator
from typing import Any

from tidegate.api.base import INT_OR_STRING, PRESERVE_UNKNOWN
from tidegate.api.cel import VALIDATIONS
from tidegate.api.names import API_GROUP, KIND, REQUEST_VERBS, VERSION, annotation
from tidegate.api.schema import Schema, shown_default

_RANGES = (
    ("minimum", "maximum", ""),
    ("minLength", "maxLength", " characters"),
    ("minItems", "maxItems", " entries"),
    ("minProperties", "maxProperties", " entries"),
)


def api_document(root: Schema) -> str:
    """Render the reference page of the resource from its schema."""
    lines = [
        f"# {KIND}",
        "",
        f"`{API_GROUP}/{VERSION}`. Made from the resource's models by `make crds`; do not edit.",
        "",
        'Durations are whole seconds. Numbers that are not whole are strings, such as `"0.5"`.',
        "",
        *_rules_of(root),
        "Requests by people are annotations whose value is `<revision>/<id>`; any other value than the last is a new "
        f"request: {', '.join(f'`{annotation(verb)}`' for verb in REQUEST_VERBS)}.",
        "",
    ]
    for section in ("spec", "status"):
        for path, schema in _objects(root["properties"][section], section):
            lines += _section(path, schema)
    return "\n".join(lines).rstrip() + "\n"


def _objects(schema: Schema, path: str) -> Iterator[tuple[str, Schema]]:
    if schema.get("properties"):
        yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from _objects(child, f"{path}.{name}")
    if "items" in schema:
        yield from _objects(schema["items"], f"{path}[]")


def _section(path: str, schema: Schema) -> list[str]:
    required = schema.get("required", [])
    rows = [
        f"| `{name}` | {_type(child)} | {'required' if name in required else _default(child)} | {_bounds(child)} "
        f"| {_text(child)} |"
        for name, child in schema["properties"].items()
    ]
    header = ["| field | type | default | bounds | description |", "|---|---|---|---|---|"]
    return [f"## {path}", "", schema["description"], "", *_rules_of(schema), *header, *rows, ""]


def _type(schema: Schema) -> str:
    if schema.get(INT_OR_STRING):
        return "integer or string"
    if "items" in schema:
        return f"list of {_type(schema['items'])}"
    if "additionalProperties" in schema:
        return f"map of {_type(schema['additionalProperties'])}"
    if schema.get("format") == "date-time":
        return "time"
    return "any object" if schema.get(PRESERVE_UNKNOWN) else str(schema["type"])


def _default(schema: Schema) -> str:
    return f"`{shown_default(schema)}`" if "default" in schema else ""


def _bounds(schema: Schema) -> str:
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("format") == "date-time":
        return ""
    found = [_range(schema.get(low, 0), schema[high], unit) for low, high, unit in _RANGES if high in schema]
    return "; ".join(found)


def _range(low: int, high: int, unit: str) -> str:
    return f"at most {high:,}{unit}" if unit and low == 0 else f"{low:,} to {high:,}{unit}"


def _text(schema: Schema) -> str:
    description = schema["description"]
    if "default" in schema:
        description = description.removesuffix(f" Default: {shown_default(schema)}.")
    sentences = [description, *(_sentence(entry) for entry in _value_rules(schema))]
    return " ".join(sentences).replace("|", "\\|")


def _value_rules(schema: Schema) -> list[dict[str, Any]]:
    """Rules about a field's own value; those of an object's fields stand above its table."""
    own = [] if "properties" in schema else schema.get(VALIDATIONS, [])
    inner = schema.get("items") or schema.get("additionalProperties") or {}
    return [*own, *([] if "properties" in inner else inner.get(VALIDATIONS, []))]


def _rules_of(schema: Schema) -> list[str]:
    sentences = [f"- {_sentence(entry)}" for entry in schema.get(VALIDATIONS, [])]
    return ["Rules:", "", *sentences, ""] if sentences else []


def _sentence(entry: dict[str, Any]) -> str:
    message: str = entry["message"]
    return f"{message[:1].upper()}{message[1:]}."
