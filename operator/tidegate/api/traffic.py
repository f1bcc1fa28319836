"""spec.traffic: the route."""

from typing import Annotated

from pydantic import Field

from tidegate.api.base import LIST_ATOMIC, LIST_SET, SpecModel
from tidegate.api.cel import SELF, object_name, quoted, rule, rules

HOSTNAME = "^([*][.])?[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
ADDRESS = "^[0-9.]+$"
PATH_PREFIX = "^(/|(/[-A-Za-z0-9._~!$&'()*+,;=:@]+)+/?)$"
DOT_SEGMENT = "/[.][.]?(/|$)"
# `namespace` is a reserved word of CEL; Kubernetes gives such fields underscores.
_SAME_PARENT = " && ".join(
    f"(has(one.{field}) ? has(other.{field}) && one.{field} == other.{field} : !has(other.{field}))"
    for field in ("__namespace__", "sectionName", "port")
)


class ParentRef(SpecModel):
    """One Gateway the route is attached to."""

    name: Annotated[str, Field(max_length=253, json_schema_extra=object_name("Gateway"))]
    """Name of the Gateway."""

    namespace: Annotated[str, Field(max_length=63, json_schema_extra=object_name("namespace"))] | None = None
    """Namespace of the Gateway. Default when unset: that of the ModelDeployment."""

    section_name: Annotated[str, Field(max_length=253, json_schema_extra=object_name("listener"))] | None = None
    """Listener of the Gateway. Default when unset: every listener that lets the route in."""

    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """Port number of the Gateway's listener. Default when unset: every port."""


Hostname = Annotated[
    str,
    Field(
        min_length=1,
        max_length=253,
        json_schema_extra=rules(
            rule(
                f"self.matches({quoted(HOSTNAME)}) && !self.matches({quoted(ADDRESS)})",
                "expected a host name in lowercase without scheme, port or path, such as model.example.com or "
                "*.example.com; no address",
                found=SELF,
            )
        ),
    ),
]


class Traffic(SpecModel):
    """How requests reach the model."""

    parent_refs: Annotated[
        list[ParentRef],
        Field(
            min_length=1,
            max_length=8,
            json_schema_extra=LIST_ATOMIC
            | rules(
                rule(
                    f"self.all(one, self.exists_one(other, one.name == other.name && {_SAME_PARENT}))",
                    "expected each Gateway, or each listener of it, once: remove the repeated entry",
                )
            ),
        ),
    ]
    """Gateways the route is attached to."""

    hostnames: Annotated[list[Hostname], Field(max_length=16, json_schema_extra=LIST_SET)] = []
    """Host names the route answers to; none for all of the listeners' own."""

    path_prefix: Annotated[
        str,
        Field(
            max_length=1024,
            json_schema_extra=rules(
                rule(
                    f"self.matches({quoted(PATH_PREFIX)}) && !self.matches({quoted(DOT_SEGMENT)})",
                    "expected a path that starts with '/', without empty, '.' or '..' segments, such as /filetype",
                    found=SELF,
                )
            ),
        ),
    ] = "/"
    """Path the route answers under; it is taken off before the request reaches the server."""

    timeout_seconds: Annotated[int, Field(ge=1, le=3600)] = 60
    """Seconds a request may take; also how long a server that is told to stop finishes what it has begun."""
