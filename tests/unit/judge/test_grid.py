"""Cells: when they end, when they are joined, when they are dropped."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.judge.builders import FEW_EXAMPLES
from tidegate.judge.grid import Cell, Grid, complete_cells, first_boundary, interval_length, next_scrape


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
    cells = complete_cells(Grid(130.0, 10.0, counts_from=125.0), 100.0, 160.0, EVERY_5)
    assert bounds(cells) == [(130, 140), (140, 150), (150, 160)]
    assert {cell.counts_from for cell in cells} == {125.0}


@pytest.mark.parametrize(
    ("scrapes", "begins"),
    [
        ([EVERY_5], 105.1),
        ([[*EVERY_5, 102.3]], 102.4),
        ([EVERY_5, [moment + 3.2 for moment in EVERY_5]], 105.1),
        ([[moment + 1.0 for moment in EVERY_5], [moment + 3.2 for moment in EVERY_5]], 103.3),
        ([[98.0, 111.0, 118.0]], 100.2),
        ([[98.0], EVERY_5], 105.1),
        ([[80.0, 104.0, 114.0]], 100.2),
        ([[104.0, 109.0]], 100.2),
        ([], 100.2),
    ],
    ids=[
        "the first scrape",
        "the first of several",
        "the last proxy's",
        "whichever that is",
        "one that comes too late is not waited for",
        "nor one that is gone",
        "nor one that was not scraped for long",
        "nor one that is new",
        "nothing to wait for",
    ],
)
def test_cells_begin_with_a_scrape_of_every_proxy(scrapes: list[list[float]], begins: float) -> None:
    assert first_boundary([sorted(times) for times in scrapes], 100.1, 10.0) == begins


@pytest.mark.parametrize(
    ("scrapes", "due"),
    [
        ([[95.0, 100.0]], 105.0),
        ([[94.0, 99.0]], 104.0),
        ([[94.0, 99.0], [80.0, 95.0]], 104.0),
        ([[70.0, 85.0], [99.0]], 115.0),
        ([[98.0, 103.0]], 103.0),
        ([[99.0], []], None),
    ],
    ids=["in step", "on its way", "whichever is first", "one scrape tells nothing", "has been", "unknown"],
)
def test_the_next_scrape_comes_as_the_last_ones_did(scrapes: list[list[float]], due: float | None) -> None:
    assert next_scrape(scrapes, 101.0) == due


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
