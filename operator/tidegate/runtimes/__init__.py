"""Runtimes: the servers that run models. One file a runtime."""

from tidegate.api.spec import RuntimeSpec
from tidegate.runtimes.base import ServerContainer, ServerRequest
from tidegate.runtimes.triton import triton_server

__all__ = ["ServerContainer", "ServerRequest", "server_of"]


def server_of(runtime: RuntimeSpec, request: ServerRequest) -> ServerContainer:
    """Render the server container of `runtime`.

    Raises
    ------
    ValueError
        When no runtime is named; the resource's schema refuses such a document first.
    """
    if runtime.triton is not None:
        return triton_server(runtime.triton, request)
    raise ValueError("spec.runtime names no runtime; set exactly one of: triton")
