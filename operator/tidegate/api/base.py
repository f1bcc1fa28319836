"""What every model of the resource shares."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

PRESERVE_UNKNOWN = "x-kubernetes-preserve-unknown-fields"
INT_OR_STRING = "x-kubernetes-int-or-string"
MAP_TYPE = "x-kubernetes-map-type"


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


def list_map(*keys: str) -> dict[str, Any]:
    """Schema extension for a list whose entries are told apart by `keys`: no two are equal, each is applied alone."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keys)}


LIST_SET: dict[str, Any] = {"x-kubernetes-list-type": "set"}
"""Schema extension for a list of different strings."""

LIST_ATOMIC: dict[str, Any] = {"x-kubernetes-list-type": "atomic"}
"""Schema extension for a list that is applied as a whole."""


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
