"""Kubernetes quantities, such as 500m or 2Gi."""

import re
from decimal import Decimal

_FORM = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:([KMGTPE]i|[numkMGTPE])|[eE]([+-]?\d+))?")
_BINARY = {f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTPE", start=1)}
_DECIMAL = {letter: Decimal(1000) ** power for power, letter in enumerate("kMGTPE", start=1)}
_SMALL = {letter: Decimal(1000) ** -power for power, letter in enumerate("mun", start=1)}
_SIZES = {**_BINARY, **_DECIMAL, **_SMALL}


def is_quantity(text: str) -> bool:
    """Whether Kubernetes reads it as one."""
    return _FORM.fullmatch(text) is not None


class Quantity:
    """An exact number.

    Raises
    ------
    ValueError
        If the text is no quantity.
    """

    def __init__(self, text: str) -> None:
        found = _FORM.fullmatch(text)
        if found is None:
            raise ValueError(f"found {text!r}; expected a quantity such as 1, 500m or 2Gi")
        number, size, power = found.groups()
        self.value = Decimal(number) * _SIZES.get(size, Decimal(1)) * Decimal(10) ** int(power or 0)

    @property
    def is_whole(self) -> bool:
        """Whether it has no fraction."""
        return self.value == self.value.to_integral_value()

    def compared_to(self, other: "Quantity") -> int:
        """-1, 0 or 1: less, equal or more than `other`."""
        return (self.value > other.value) - (self.value < other.value)
