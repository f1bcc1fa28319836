"""Triton python-backend model for tests: it cannot be loaded."""


class TritonPythonModel:
    """Fails in initialize, so the server reports the message and exits."""

    def initialize(self, args: dict[str, str]) -> None:
        """Raise at once."""
        raise RuntimeError(f"{args['model_name']}: the weights file weights.bin is missing")
