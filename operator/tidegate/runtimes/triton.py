"""NVIDIA Triton Inference Server. Flags: https://github.com/triton-inference-server/server/blob/main/docs/user_guide/."""

import math
from typing import Any

from tidegate.api.spec import TritonRuntime
from tidegate.runtimes.base import GRPC_PORT, HTTP_PORT, METRICS_PORT, ServerContainer, ServerRequest

MODEL_REPOSITORY = "/models"
PROBE_PERIOD_SECONDS = 2
# The proxy learns of a stopping pod a moment after the kubelet does; until then the server must go on answering.
ENDPOINT_REMOVAL_SECONDS = 15
SHUTDOWN_MARGIN_SECONDS = 5


def triton_server(runtime: TritonRuntime, request: ServerRequest) -> ServerContainer:
    """Render a Triton container that serves one model and is ready only once that model answers ready."""
    container = {
        "name": "server",
        "image": runtime.image or request.default_image,
        "args": _arguments(runtime, request),
        "env": [variable.model_dump(by_alias=True, exclude_none=True) for variable in runtime.env],
        "ports": [
            {"name": "http", "containerPort": HTTP_PORT},
            {"name": "grpc", "containerPort": GRPC_PORT},
            {"name": "metrics", "containerPort": METRICS_PORT},
        ],
        **_probes(request),
        "lifecycle": {"preStop": {"sleep": {"seconds": ENDPOINT_REMOVAL_SECONDS}}},
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "shared-memory", "mountPath": "/dev/shm"},
            {"name": "temporary", "mountPath": "/tmp"},
        ],
    }
    return ServerContainer(
        container=container,
        volumes=[
            {
                "name": "shared-memory",
                "emptyDir": {"medium": "Memory", "sizeLimit": str(runtime.shared_memory_bytes)},
            },
            {"name": "temporary", "emptyDir": {}},
        ],
        grace_seconds=ENDPOINT_REMOVAL_SECONDS + request.drain_seconds + SHUTDOWN_MARGIN_SECONDS,
    )


def _arguments(runtime: TritonRuntime, request: ServerRequest) -> list[str]:
    return [
        "tritonserver",
        f"--model-repository={MODEL_REPOSITORY}",
        f"--http-port={HTTP_PORT}",
        f"--grpc-port={GRPC_PORT}",
        f"--metrics-port={METRICS_PORT}",
        f"--exit-timeout-secs={request.drain_seconds}",
        *runtime.args,
    ]


def _probes(request: ServerRequest) -> dict[str, Any]:
    ready = {"path": f"/v2/models/{request.model_name}/ready", "port": "http"}
    return {
        "startupProbe": {
            "httpGet": ready,
            "periodSeconds": PROBE_PERIOD_SECONDS,
            "timeoutSeconds": 2,
            "failureThreshold": max(1, math.ceil(request.load_seconds / PROBE_PERIOD_SECONDS)),
        },
        "readinessProbe": {"httpGet": ready, "periodSeconds": 5, "timeoutSeconds": 4, "failureThreshold": 3},
        "livenessProbe": {
            "httpGet": {"path": "/v2/health/live", "port": "http"},
            "periodSeconds": 10,
            "timeoutSeconds": 9,
            "failureThreshold": 6,
        },
    }
