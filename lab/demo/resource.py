"""The ModelDeployment of the demo, with steps short enough to watch."""

from typing import Any

NAME = "filetype"


def host(namespace: str) -> str:
    """Return the host name of the demo in a namespace: routes of two demos must not claim the same one."""
    return f"{NAME}.{namespace}.example.com"


def model_deployment(namespace: str, reference: str) -> dict[str, Any]:
    """Return the ModelDeployment that serves the model image `reference`."""
    return {
        "apiVersion": "tidegate.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": NAME, "namespace": namespace},
        "spec": {
            "model": {"source": {"image": {"reference": reference}}},
            "runtime": {"triton": {"sharedMemoryBytes": 134217728}},
            "replicas": 2,
            # A share of the processor even while something else keeps this machine busy.
            "resources": {"limits": {"nvidia.com/gpu": "1"}, "requests": {"cpu": "200m"}},
            "traffic": {
                "parentRefs": [{"name": "inference", "namespace": "gateways"}],
                "hostnames": [host(namespace)],
                "timeoutSeconds": 5,
            },
            "rollout": {
                "steps": [{"weight": {"percent": percent, "seconds": 10}} for percent in (5, 25, 50)],
                "analysis": {"intervalSeconds": 5, "bakeSeconds": 10, "errors": {"maxSharePercent": "1"}},
                "loadSeconds": 120,
                "keepPreviousSeconds": 20,
            },
        },
    }
