"""What every model of the resource shares, and how a CEL rule is attached to one."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

VALIDATIONS = "x-kubernetes-validations"
PRESERVE_UNKNOWN = "x-kubernetes-preserve-unknown-fields"
INT_OR_STRING = "x-kubernetes-int-or-string"
LIST_TYPE = "x-kubernetes-list-type"
LIST_MAP_KEYS = "x-kubernetes-list-map-keys"
MAX_PROPERTIES = "maxProperties"

DECIMAL = r"^[0-9]{1,9}([.][0-9]{1,9})?$"
SIGNED_DECIMAL = r"^-?[0-9]{1,9}([.][0-9]{1,9})?$"
OBJECT_NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
ENDS_IN_PARENT = "(^|/)[.][.](/|$)"

Schema = dict[str, Any]


class ApiModel(BaseModel):
    """Base of all models: camelCase in documents, unknown fields (a newer operator's) ignored.

    The text below an attribute is its description in the CustomResourceDefinition.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="ignore",
        use_attribute_docstrings=True,
    )


class SpecModel(ApiModel):
    """Base of what users write: never changed by the operator."""

    model_config = ConfigDict(frozen=True)


def rule(expression: str, message: str = "", *, found: str = "", path: str = "") -> dict[str, str]:
    """Build one CEL rule.

    Parameters
    ----------
    expression
        CEL that is true for what is accepted; `self` is the value the rule is attached to.
    message
        What to tell where it is false.
    found
        CEL for the same message with the value found in it; `message` stands in where it cannot be evaluated.
    path
        JSONPath below `self` of the field to blame, such as ``.min``.
    """
    entries = {"rule": expression, "message": message, "messageExpression": found, "fieldPath": path}
    return {key: value for key, value in entries.items() if value}


def rules(*entries: dict[str, str]) -> Schema:
    """Schema extension that attaches CEL rules to a field or a model."""
    return {VALIDATIONS: list(entries)}


def matches(pattern: str, message: str) -> Schema:
    """Rule that a string matches `pattern`; unlike the schema's own `pattern` it answers with a sentence."""
    return rules(
        rule(
            f"self.matches({cel_string(pattern)})",
            message,
            found=f"{cel_string('found ')} + self + {cel_string('; ' + message)}",
        )
    )


def cel_string(text: str) -> str:
    """Quote `text` as a CEL string literal."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _written_as_number(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Quantity = Annotated[
    str,
    BeforeValidator(_written_as_number),
    Field(max_length=64, json_schema_extra={INT_OR_STRING: True}),
]
"""A Kubernetes quantity; YAML may give it as a number (``nvidia.com/gpu: 1``)."""

FreeObject = Annotated[dict[str, Any], Field(json_schema_extra={PRESERVE_UNKNOWN: True})]
"""An object whose fields are checked where it ends up, not here."""
