"""Arithmetic on logarithms of e-values, and their exact form in a status without floating-point numbers."""

import math
from collections.abc import Iterable, Sequence

TOLERANCE = 1e-9
"""Allowed in log E on every comparison with a line: two capped intervals must be able to reach it."""


def log_sum(logs: Sequence[float]) -> float:
    """Natural logarithm of the sum of exponentials."""
    top = max(logs)
    return top + math.log(math.fsum(math.exp(value - top) for value in logs))


def reaches(log_e: float, line: float) -> bool:
    """Whether an e-value is at or over a line."""
    return log_e >= math.log(line) - TOLERANCE


def write_float(value: float) -> str:
    """The shortest text that reads back as the same number."""
    return repr(float(value))


def read_float(text: object) -> float:
    """Inverse of `write_float`.

    Raises
    ------
    ValueError
        If the text is not a finite number.
    """
    value = float(text) if isinstance(text, str) else math.nan
    if not math.isfinite(value):
        raise ValueError(f"found {text!r} in the recorded evidence; expected a finite number written as text")
    return value


def write_floats(values: Iterable[float]) -> list[str]:
    """Each value by `write_float`."""
    return [write_float(value) for value in values]


def read_floats(texts: Iterable[object], *, length: int) -> tuple[float, ...]:
    """Inverse of `write_floats`; refuses another length than expected."""
    values = tuple(read_float(text) for text in texts)
    if len(values) != length:
        raise ValueError(f"found {len(values)} numbers in the recorded evidence; expected {length}")
    return values
