"""Triton python-backend model for tests: it answers with its input, as badly as its parameters say.

Parameters of config.pbtxt, all optional:

- ``error_share``: share of requests that fail, 0 to 1
- ``error_spread``: ``even``, the default, or ``random``: each request fails by itself
- ``error_code``: ``INTERNAL`` (HTTP 500), ``UNAVAILABLE`` (503) or ``INVALID_ARG`` (400); default ``INTERNAL``
- ``hang_share``: share of requests that are never answered, 0 to 1, spread evenly
- ``delay_milliseconds``: time until a request is answered; requests wait side by side, not in a queue
- ``load_milliseconds``: time the model takes to load
"""

import json
import random
import threading
import time
from typing import Any

import triton_python_backend_utils as triton  # type: ignore[import-not-found]


class TritonPythonModel:
    """Input ``INPUT`` int32 [any length], output ``OUTPUT`` of the same values."""

    def initialize(self, args: dict[str, str]) -> None:
        """Read the parameters, then take as long to load as they ask."""
        given = json.loads(args["model_config"]).get("parameters", {})
        parameters = {name: value["string_value"] for name, value in given.items()}
        self.error_share = float(parameters.get("error_share", "0"))
        self.at_random = parameters.get("error_spread", "even") == "random"
        self.error_code = getattr(triton.TritonError, parameters.get("error_code", "INTERNAL"))
        self.hang_share = float(parameters.get("hang_share", "0"))
        self.delay_seconds = float(parameters.get("delay_milliseconds", "0")) / 1000
        self.requests = 0
        self.hanging: list[Any] = []
        time.sleep(float(parameters.get("load_milliseconds", "0")) / 1000)

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer at once, later (None, a sender keeps the request open) or never."""
        return [self._handle(request) for request in requests]

    def _handle(self, request: Any) -> Any:
        self.requests += 1
        if self._is_due(self.hang_share):
            self.hanging.append(request.get_response_sender())
            return None
        response = self._response(request)
        if not self.delay_seconds:
            return response
        final = triton.TRITONSERVER_RESPONSE_COMPLETE_FINAL
        threading.Timer(self.delay_seconds, request.get_response_sender().send, [response, final]).start()
        return None

    def _response(self, request: Any) -> Any:
        if self._fails():
            return triton.InferenceResponse(error=triton.TritonError("told to fail (error_share)", self.error_code))
        value = triton.get_input_tensor_by_name(request, "INPUT").as_numpy()
        return triton.InferenceResponse([triton.Tensor("OUTPUT", value)])

    def _fails(self) -> bool:
        return random.random() < self.error_share if self.at_random else self._is_due(self.error_share)

    def _is_due(self, share: float) -> bool:
        return int(self.requests * share) > int((self.requests - 1) * share)
