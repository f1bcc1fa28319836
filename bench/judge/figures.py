"""Figures with their limits, and the bounds they are held against."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tidegate.simulation.results import NORMAL, wilson


@dataclass(frozen=True)
class Figure:
    """A figure with its two-sided 95 % limits; a share is shown in percent."""

    value: float
    low: float
    high: float
    is_share: bool = False


@dataclass(frozen=True)
class Bound:
    """What a figure has to show.

    Attributes
    ----------
    found, most
        The number compared, and the largest it may be.
    why_not
        Why it is not kept where it is not.
    """

    name: str
    found: float
    most: float
    is_share: bool = True
    why_not: str = ""

    @property
    def holds(self) -> bool:
        """Whether it is kept."""
        return self.found <= self.most


@dataclass(frozen=True)
class Table:
    """One table of the report.

    Attributes
    ----------
    runs
        In every cell.
    note
        How it was made.
    rows
        Per row its name, then its figures by column.
    """

    title: str
    runs: int
    note: str
    rows: Sequence[tuple[str, dict[str, Figure]]]
    bounds: Sequence[Bound] = ()


def rate(found: int, runs: int) -> Figure:
    """A share, with limits by Wilson's score."""
    return Figure(found / runs, *wilson(found, runs), is_share=True)


def mean(values: npt.NDArray[np.float64]) -> Figure:
    """A mean, with limits by its standard error."""
    average, error = float(values.mean()), float(values.std() / math.sqrt(len(values)))
    return Figure(average, average - NORMAL * error, average + NORMAL * error)


def median(values: npt.NDArray[np.float64]) -> Figure:
    """A median, with limits by order statistics."""
    ordered, half = np.sort(values), NORMAL * math.sqrt(len(values)) / 2.0
    middle = (len(values) - 1) / 2.0
    low, high = (int(np.clip(round(middle + side * half), 0, len(values) - 1)) for side in (-1, 1))
    return Figure(float(np.median(ordered)), float(ordered[low]), float(ordered[high]))
