"""Options that every command about a cluster has, and how such a command is made."""

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from tidegate.cli import cluster

Name = Annotated[str, typer.Argument(help="Name of the ModelDeployment.", show_default=False)]

_SHARED: dict[str, Any] = {
    "namespace": Annotated[
        str | None, typer.Option("--namespace", "-n", help="Namespace. (default: that of the context)")
    ],
    "context": Annotated[str | None, typer.Option(help="Context of the kubeconfig. (default: the current one)")],
    "kubeconfig": Annotated[
        str | None, typer.Option(help="Path of the kubeconfig. (default: $KUBECONFIG, or ~/.kube/config)")
    ],
}


def on_cluster(command: Callable[..., int]) -> Callable[..., int]:
    """Make a command of a function whose first parameter is the cluster; it returns the exit code."""

    @functools.wraps(command)
    def run(**given: Any) -> int:
        reached = cluster.connect(**{option: given.pop(option) for option in _SHARED})
        if given.get("name"):
            given["name"] = given["name"].rpartition("/")[2]
        return command(reached, **given)

    own = list(inspect.signature(command).parameters.values())[1:]
    keyword = inspect.Parameter.KEYWORD_ONLY
    shared = [inspect.Parameter(name, keyword, default=None, annotation=kind) for name, kind in _SHARED.items()]
    run.__dict__["__signature__"] = inspect.Signature([*own, *shared])
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in (*own, *shared)}
    return run
