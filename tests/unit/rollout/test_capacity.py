"""Weights, shares and sizes."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.rollout.capacity import ENTRY, WHOLE, candidate_size, next_weight, share

weights = st.integers(0, WHOLE)


@pytest.mark.parametrize(
    ("ready_candidate", "ready_stable", "expected"),
    [(0, 0, 0), (0, 3, 0), (1, 0, WHOLE), (1, 1, 500_000), (1, 3, 250_000), (2, 4, 333_333)],
)
def test_share_of_ready_capacity(ready_candidate: int, ready_stable: int, expected: int) -> None:
    assert share(ready_candidate, ready_stable) == expected


@pytest.mark.parametrize(
    ("weight", "stable", "expected"),
    [(1, 4, 1), (50_000, 4, 1), (200_000, 4, 1), (250_000, 4, 2), (500_000, 4, 4), (333_333, 4, 2)],
)
def test_candidate_size(weight: int, stable: int, expected: int) -> None:
    assert candidate_size(weight, stable) == expected


@given(st.integers(1, 990_000), st.integers(1, 1000))
def test_size_carries_the_weight_and_one_pod_less_does_not(weight: int, stable: int) -> None:
    size = candidate_size(weight, stable)
    assert share(size, stable) >= weight or size * (WHOLE - weight) >= weight * stable
    assert size == 1 or (size - 1) * (WHOLE - weight) < weight * stable


def test_the_candidate_never_has_it_all_beside_stable() -> None:
    with pytest.raises(ValueError, match="expected less than"):
        candidate_size(WHOLE, 1)


@given(weights, weights)
def test_every_way_in_and_out_passes_through_one_in_a_million(present: int, wanted: int) -> None:
    path = [present]
    while path[-1] != wanted:
        path.append(next_weight(path[-1], wanted, in_force=True))
        assert len(path) < 8
    for before, after in pairwise(path):
        if 0 in (before, after):
            assert max(before, after) == ENTRY
        if WHOLE in (before, after):
            assert min(before, after) == WHOLE - ENTRY


@pytest.mark.parametrize("present", [ENTRY, WHOLE - ENTRY])
@given(wanted=weights)
def test_the_edge_is_held_until_it_is_in_force(present: int, wanted: int) -> None:
    assert next_weight(present, wanted, in_force=False) == present
