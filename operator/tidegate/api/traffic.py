"""spec.traffic: the route."""

from typing import Annotated

from pydantic import Field

from tidegate.api.base import SpecModel


class ParentRef(SpecModel):
    """One Gateway the route is attached to."""

    name: Annotated[str, Field(max_length=253)]
    """Name of the Gateway."""

    namespace: Annotated[str, Field(max_length=63)] | None = None
    """Namespace of the Gateway. Default when unset: that of the ModelDeployment."""

    section_name: Annotated[str, Field(max_length=253)] | None = None
    """Listener of the Gateway. Default when unset: every listener that lets the route in."""

    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """Port number of the Gateway's listener. Default when unset: every port."""


class Traffic(SpecModel):
    """How requests reach the model."""

    parent_refs: Annotated[list[ParentRef], Field(min_length=1, max_length=8)]
    """Gateways the route is attached to."""

    hostnames: Annotated[list[Annotated[str, Field(max_length=253)]], Field(max_length=16)] = []
    """Host names the route answers to; none for all of the listeners' own."""

    path_prefix: Annotated[str, Field(max_length=1024)] = "/"
    """Path the route answers under; it is taken off before the request reaches the server."""

    timeout_seconds: Annotated[int, Field(ge=1, le=3600)] = 60
    """Seconds a request may take; also how long a server that is told to stop finishes what it has begun."""
