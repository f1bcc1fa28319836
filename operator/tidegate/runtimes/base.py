"""What the pod template asks of a runtime, and what every runtime answers."""

from dataclasses import dataclass, field
from typing import Any

HTTP_PORT = 8000
GRPC_PORT = 8001
METRICS_PORT = 8002


@dataclass(frozen=True, kw_only=True)
class ServerRequest:
    """What a runtime needs to know to render its container.

    Attributes
    ----------
    model_name
        The model's name in the serving API.
    default_image
        The operator's image for this runtime, used where the user names none.
    load_seconds
        How long the model may take to load, from container start.
    drain_seconds
        How long requests in flight may take to finish once the server is told to stop.
    """

    model_name: str
    default_image: str
    load_seconds: int
    drain_seconds: int


@dataclass(frozen=True, kw_only=True)
class ServerContainer:
    """The server's container, its volumes, and how long it may take to stop (seconds).

    The model volume is named ``model``; the container mounts it, the pod template declares it.
    """

    container: dict[str, Any]
    volumes: list[dict[str, Any]] = field(default_factory=list)
    grace_seconds: int
