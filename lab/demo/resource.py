"""The ModelDeployment of a trial, with steps short enough to watch."""

from collections.abc import Mapping, Sequence
from typing import Any

Query = Mapping[str, Any]


def host_name(namespace: str, name: str) -> str:
    """Return the host name of a trial: routes of two trials must not claim the same one."""
    return f"{name}.{namespace}.example.com"


def model_deployment(namespace: str, name: str, reference: str, queries: Sequence[Query] = ()) -> dict[str, Any]:
    """Return the ModelDeployment `name` that serves the model image `reference` and is judged by `queries` too."""
    analysis = {
        "intervalSeconds": 5,
        "bakeSeconds": 10,
        "errors": {"maxSharePercent": "1"},
        "queries": list(queries),
        # Lets it begin with the first step's weight: there are only minutes to watch.
        "statistics": {"harmBudgetRequests": 200},
    }
    return {
        "apiVersion": "tidegate.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "model": {"source": {"image": {"reference": reference}}},
            "runtime": {"triton": {"sharedMemoryBytes": 134217728}},
            "replicas": 2,
            # A share of the processor even while something else keeps this machine busy.
            "resources": {"limits": {"nvidia.com/gpu": "1"}, "requests": {"cpu": "200m"}},
            "traffic": {
                "parentRefs": [{"name": "inference", "namespace": "gateways"}],
                "hostnames": [host_name(namespace, name)],
                "timeoutSeconds": 10,
            },
            "rollout": {
                "steps": [{"weight": {"percent": percent, "seconds": 5}} for percent in (5, 25, 50)],
                "analysis": analysis,
                "loadSeconds": 120,
                "keepPreviousSeconds": 20,
            },
        },
    }
