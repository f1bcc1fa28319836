"""Arithmetic on arrays with one entry a run."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_TABULATED = 256
_TABLE = np.array([math.lgamma(n + 1) for n in range(_TABULATED)])
_HALF_LOG_TWO_PI = math.log(2.0 * math.pi) / 2.0


def log_sum(logs: Floats) -> Floats:
    """Natural logarithm of the sum of exponentials over the first axis."""
    top: Floats = logs.max(axis=0)
    total: Floats = top + np.log(np.exp(logs - top).sum(axis=0))
    return total


def log_factorial(n: Ints) -> Floats:
    """ln n!, by Stirling's series from 256 on, where its next term is under 1e-19."""
    large = np.maximum(n, _TABULATED).astype(np.float64)
    reciprocal = 1.0 / large
    square = reciprocal * reciprocal
    correction = reciprocal * (1.0 / 12.0 - square * (1.0 / 360.0 - square / 1260.0))
    series = (large + 0.5) * np.log(large) - large + _HALF_LOG_TWO_PI + correction
    return np.where(n < _TABULATED, _TABLE[np.minimum(n, _TABULATED - 1)], series)


class Columns:
    """A record of arrays whose last axis is the runs; those that ended can be dropped from all of them at once."""

    def keep(self, kept: Flags) -> None:
        """Drop every run that is not `kept`."""
        for name, value in vars(self).items():
            setattr(self, name, _kept(value, kept))


def _kept(value: Any, kept: Flags) -> Any:
    if isinstance(value, np.ndarray):
        return value[..., kept]
    if isinstance(value, Columns):
        value.keep(kept)
    if isinstance(value, dict):
        return {key: _kept(item, kept) for key, item in value.items()}
    return value
