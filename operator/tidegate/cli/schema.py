"""Checks a document against the schema of the CustomResourceDefinition, as the API server does."""

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from tidegate.api.base import INT_OR_STRING, PRESERVE_UNKNOWN
from tidegate.api.cel import VALIDATIONS
from tidegate.api.schema import Schema
from tidegate.cli.cel import compiled

Path = tuple[str | int, ...]
TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}
_BOUNDS: tuple[tuple[str, str, Callable[[Any], Any], Callable[[Any, Any], bool], str], ...] = (
    ("minimum", "at least", lambda value: value, lambda found, bound: found >= bound, ""),
    ("maximum", "at most", lambda value: value, lambda found, bound: found <= bound, ""),
    ("minLength", "at least", len, lambda found, bound: found >= bound, " characters"),
    ("maxLength", "at most", len, lambda found, bound: found <= bound, " characters"),
    ("minItems", "at least", len, lambda found, bound: found >= bound, " entries"),
    ("maxItems", "at most", len, lambda found, bound: found <= bound, " entries"),
    ("minProperties", "at least", len, lambda found, bound: found >= bound, " entries"),
    ("maxProperties", "at most", len, lambda found, bound: found <= bound, " entries"),
)


class Key(str):
    """A key of a map, in a path: unlike a field's name it is chosen by the user."""

    __slots__ = ()


@dataclass(frozen=True)
class Problem:
    """What the API server would refuse."""

    path: Path
    message: str

    @property
    def field(self) -> str:
        """The path as people write it, such as ``spec.rollout.steps[0].weight``."""
        text = "".join(f"[{part}]" if isinstance(part, int | Key) else f".{part}" for part in self.path)
        return text.removeprefix(".")


def with_defaults(value: Any, schema: Schema) -> Any:
    """A copy in which every field that is not set has its default."""
    if isinstance(value, dict):
        fields: Mapping[str, Schema] = schema.get("properties", {})
        filled = {name: with_defaults(inner, fields.get(name) or _others(schema)) for name, inner in value.items()}
        missing = {name: field for name, field in fields.items() if "default" in field and value.get(name) is None}
        return {**filled, **{name: with_defaults(copy.deepcopy(f["default"]), f) for name, f in missing.items()}}
    if isinstance(value, list):
        return [with_defaults(inner, schema.get("items", {})) for inner in value]
    return value


def problems(document: Any, schema: Schema) -> list[Problem]:
    """Everything that is wrong with it; rules are asked only of what has the right form."""
    filled = with_defaults(document, schema)
    found = list(_form(filled, schema, ()))
    return found or list(_rules(filled, schema, ()))


def _others(schema: Schema) -> Schema:
    more = schema.get("additionalProperties")
    return more if isinstance(more, dict) else {}


def _form(value: Any, schema: Schema, path: Path) -> Iterator[Problem]:
    if not _has_type(value, schema):
        expected = "a number or a string" if schema.get(INT_OR_STRING) else f"a value of type {schema['type']}"
        yield Problem(path, f"found {_short(value)}; expected {expected}{_quoting(value, schema)}")
        return
    if "enum" in schema and value not in schema["enum"]:
        yield Problem(path, f"found {_short(value)}; expected one of {', '.join(map(str, schema['enum']))}")
    for key, words, measured, holds, unit in _BOUNDS:
        if key in schema and not isinstance(value, bool) and _measurable(value, key):
            size = measured(value)
            if not holds(size, schema[key]):
                yield Problem(path, f"found {_short(size)}{unit}; expected {words} {schema[key]:,}{unit}")
    if isinstance(value, dict):
        yield from _object_form(value, schema, path)
    elif isinstance(value, list):
        yield from _list_form(value, schema, path)


def _measurable(value: Any, key: str) -> bool:
    sized = {"minLength": str, "maxLength": str, "minItems": list, "maxItems": list}
    kind = sized.get(key, dict if key.endswith("Properties") else (int, float))
    return isinstance(value, kind)


def _has_type(value: Any, schema: Schema) -> bool:
    if schema.get(INT_OR_STRING):
        return isinstance(value, int | str) and not isinstance(value, bool)
    kind = schema.get("type")
    if kind is None:
        return True
    return isinstance(value, TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _quoting(value: Any, schema: Schema) -> str:
    if schema.get("type") == "string" and isinstance(value, int | float):
        return f', in quotation marks: "{str(value).lower()}"'
    return ""


def _object_form(value: dict[str, Any], schema: Schema, path: Path) -> Iterator[Problem]:
    fields: Mapping[str, Schema] = schema.get("properties", {})
    others = schema.get("additionalProperties")
    free = bool(schema.get(PRESERVE_UNKNOWN)) or others is True or path == ("metadata",)
    for name in schema.get("required", []):
        if value.get(name) is None:
            yield Problem((*path, name), "found nothing; expected a value, it is required")
    for name, inner in value.items():
        if name in fields:
            if inner is not None:
                yield from _form(inner, fields[name], (*path, name))
        elif isinstance(others, dict):
            yield from _form(inner, others, (*path, Key(name)))
        elif not free:
            meant = get_close_matches(str(name), fields, n=1)
            hint = f"did you mean {meant[0]}?" if meant else f"expected one of {', '.join(fields) or 'none'}"
            yield Problem((*path, name), f"there is no such field; {hint}")


def _list_form(value: list[Any], schema: Schema, path: Path) -> Iterator[Problem]:
    for index, inner in enumerate(value):
        yield from _form(inner, schema.get("items", {}), (*path, index))
    keys = schema.get("x-kubernetes-list-map-keys")
    if keys is None and schema.get("x-kubernetes-list-type") != "set":
        return
    seen: list[Any] = []
    for index, inner in enumerate(value):
        identity = {key: inner.get(key) for key in keys} if keys and isinstance(inner, dict) else inner
        if identity in seen:
            yield Problem((*path, index), f"found {_short(identity)} a second time; expected each once")
        seen.append(identity)


def _rules(value: Any, schema: Schema, path: Path) -> Iterator[Problem]:
    for rule in schema.get(VALIDATIONS, []):
        if "oldSelf" not in rule["rule"] and not compiled(rule["rule"])({"self": value}):
            words = rule.get("messageExpression")
            message = compiled(words)({"self": value}) if words else rule["message"]
            yield Problem((*path, *_parts(rule.get("fieldPath", ""))), message)
    if isinstance(value, dict):
        fields: Mapping[str, Schema] = schema.get("properties", {})
        for name, inner in value.items():
            if inner is not None:
                part = name if name in fields else Key(name)
                yield from _rules(inner, fields.get(name) or _others(schema), (*path, part))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _rules(inner, schema.get("items", {}), (*path, index))


def _parts(field: str) -> tuple[str, ...]:
    return tuple(part for part in field.split(".") if part)


def _short(value: Any) -> str:
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 80 else f"{text[:79]}…"
