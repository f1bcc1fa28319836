"""What all e-values share: log wealth per alternative, its sum, equality, and a status without floats."""

from abc import ABC, abstractmethod
from typing import Any

from tidegate.judge.logs import log_sum


class EValue(ABC):
    """A running e-value: the summed wealth of bets against a null hypothesis, 1 at the start."""

    _log_wealth: tuple[float, ...]

    @property
    def log_e(self) -> float:
        """Natural logarithm of the e-value."""
        return log_sum(self._log_wealth)

    @abstractmethod
    def to_status(self) -> dict[str, Any]:
        """Everything needed to go on, without floating-point numbers."""

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and isinstance(other, EValue) and self.to_status() == other.to_status()

    __hash__ = None  # type: ignore[assignment]  # it changes with every interval
