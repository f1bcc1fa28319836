"""Cells: when they end, when they are joined, when they are dropped."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.judge.builders import FEW_EXAMPLES
from tidegate.judge.grid import Cell, Grid, complete_cells, interval_length


@pytest.mark.parametrize(
    ("asked", "scrapes", "length"),
    [
        (10.0, [], 10.0),
        (10.0, [[0.0, 5.0, 10.0]], 10.0),
        (10.0, [[0.0, 15.0, 30.0]], 30.0),
        (10.0, [[0.0, 5.0, 10.0], [0.0, 15.0, 45.0]], 60.0),
        (10.0, [[0.0, *[100.0 + 5.0 * i for i in range(10)]]], 10.0),
    ],
    ids=["unknown", "often enough", "rare", "rarest proxy counts", "only the last ten"],
)
def test_interval_is_stretched_to_two_scrapes(asked: float, scrapes: list[list[float]], length: float) -> None:
    assert interval_length(asked, scrapes) == length


def bounds(cells: tuple[Cell, ...]) -> list[tuple[float, float]]:
    return [(cell.start, cell.end) for cell in cells]


EVERY_5 = [5.0 * index for index in range(1, 41)]


@pytest.mark.parametrize(
    ("judged_until", "evaluation", "scrapes", "expected"),
    [
        (100.0, 109.0, EVERY_5, []),
        (100.0, 110.0, EVERY_5, [(100, 110)]),
        (100.0, 135.0, EVERY_5, [(100, 110), (110, 120), (120, 130)]),
        (120.0, 135.0, EVERY_5, [(120, 130)]),
        (100.0, 145.0, [105.0, 138.0, 143.0], [(100, 110), (110, 140)]),
        (100.0, 135.0, [105.0], [(100, 110)]),
        (100.0, 3700.0, [105.0, 112.0], [(100, 110)]),
        (100.0, -3500.0, EVERY_5, []),
        (100.0, 135.0, [], []),
    ],
    ids=[
        "not over",
        "over to the second",
        "late poll sees every cell",
        "goes on where it was",
        "a gap is one long cell",
        "after the last scrape nothing is known",
        "clock an hour ahead ends no cell early",
        "clock an hour behind",
        "never scraped",
    ],
)
def test_s40_cells_follow_the_scrapes_not_the_clock(
    judged_until: float, evaluation: float, scrapes: list[float], expected: list[tuple[float, float]]
) -> None:
    assert bounds(complete_cells(Grid(100.0, 10.0), judged_until, evaluation, scrapes)) == expected


def test_cells_after_a_decrease_wait_for_late_time_outs() -> None:
    cells = complete_cells(Grid(100.0, 10.0, blank_seconds=25.0), 100.0, 160.0, EVERY_5)
    assert bounds(cells) == [(130, 140), (140, 150), (150, 160)]
    assert {cell.counts_from for cell in cells} == {125.0}


def test_judged_time_of_a_long_cell_is_one_length() -> None:
    (first, long) = complete_cells(Grid(0.0, 10.0), 0.0, 200.0, [5.0, 195.0])
    assert (first.seconds, first.length) == (10.0, 10.0)
    assert (long.seconds, long.length) == (190.0, 10.0)


def test_cells_older_than_an_hour_are_given_up() -> None:
    scrapes = [10.0 * index for index in range(1, 1001)]
    cells = complete_cells(Grid(0.0, 10.0), 0.0, 10_000.0, scrapes)
    assert cells[0].start == 6_400.0
    assert cells[-1].end == 10_000.0


def test_a_cell_never_begins_before_what_is_judged() -> None:
    (cell,) = complete_cells(Grid(100.0, 10.0), 113.0, 130.0, EVERY_5)
    assert (cell.start, cell.end) == (120.0, 130.0)


def test_a_length_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match=r"intervals of 0\.0 s"):
        Grid(0.0, 0.0)


@FEW_EXAMPLES
@given(
    scrapes=st.lists(st.floats(0.0, 600.0), min_size=1, max_size=60),
    polls=st.lists(st.floats(0.0, 700.0), max_size=20),
    length=st.floats(5.0, 60.0),
    in_force=st.floats(0.0, 100.0),
)
def test_cells_are_the_same_however_often_one_asks(
    scrapes: list[float], polls: list[float], length: float, in_force: float
) -> None:
    grid = Grid(in_force, length)
    asked: list[Cell] = []
    judged_until = in_force
    for evaluation in [*sorted(polls), 700.0]:
        cells = complete_cells(grid, judged_until, evaluation, [moment for moment in scrapes if moment <= evaluation])
        asked += cells
        judged_until = cells[-1].end if cells else judged_until
    assert tuple(asked) == complete_cells(grid, in_force, 700.0, scrapes)
