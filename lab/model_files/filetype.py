"""Triton python-backend model: Google's Magika file-type classifier run by ONNX Runtime on one CPU thread.

The parameter ``error_share`` of config.pbtxt (0 to 1, default 0) makes that share of the requests fail, spread evenly:
it turns a good model into one that a rollout has to take back.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime  # type: ignore[import-not-found]
import triton_python_backend_utils as triton  # type: ignore[import-not-found]


class TritonPythonModel:
    """Input ``bytes`` int32 [N, 2048] (first and last kilobyte of a file), output ``target_label`` float32 [N, 214].

    The first release has float32 [N, 1536] and [N, 113].
    """

    def initialize(self, args: dict[str, str]) -> None:
        """Open model.onnx, which lies beside this file."""
        parameters = json.loads(args["model_config"]).get("parameters", {})
        self.error_share = float(parameters.get("error_share", {}).get("string_value", "0"))
        self.requests = 0
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        path = Path(__file__).parent / "model.onnx"
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer each request of the batch by itself."""
        return [self._answer(request) for request in requests]

    def _answer(self, request: Any) -> Any:
        self.requests += 1
        if int(self.requests * self.error_share) > int((self.requests - 1) * self.error_share):
            return triton.InferenceResponse(error=triton.TritonError("the classifier lost its mind (error_share)"))
        content = triton.get_input_tensor_by_name(request, "bytes").as_numpy()
        (scores,) = self.session.run(["target_label"], {"bytes": content})
        return triton.InferenceResponse([triton.Tensor("target_label", scores.astype(np.float32, copy=False))])
