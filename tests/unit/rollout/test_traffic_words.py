"""Weights as people read them."""

import pytest

from tidegate.rollout.traffic import percent


@pytest.mark.parametrize(
    ("weight", "words"),
    [
        (0, "0 of 1,000,000"),
        (1, "1 of 1,000,000"),
        (100, "0.01 %"),
        (50_000, "5 %"),
        (421_816, "42.2 %"),
        (500_000, "50 %"),
        (999_999, "99.9999 %"),
        (1_000_000, "100 %"),
    ],
)
def test_a_weight_in_three_digits(weight: int, words: str) -> None:
    assert percent(weight) == words
