"""The page with what bad candidates cost on the lab."""

from bench.harm import CASES
from bench.harm_page import TARGETS, Result, page


def run(case: str, **figures: float) -> Result:
    known = {"seconds": 20.0, "requests": 40, "failed": 9, "beyond": 8.8, "waiting": 0, **figures}
    return Result(case=case, outcome=str(known.pop("outcome", "taken back")), **known)  # type: ignore[arg-type]


def test_each_case_has_its_median_and_every_run() -> None:
    told = page([run("30 % errors", seconds=seconds) for seconds in (31.2, 22.8, 23.1)])
    assert "| 30 % errors | 3 taken back | 23 (31, 23, 23) | 40 (40, 40, 40) | 9 (9, 9, 9) |" in told


def test_targets_are_held_against_the_medians() -> None:
    told = page([run("30 % errors", failed=failed, seconds=24.0) for failed in (9, 14, 12)])
    assert "- kept: 30 % errors, seconds in traffic: 24, at most 25" in told
    assert "- **not kept**: 30 % errors, failed requests: 12, at most 10" in told
    assert "2.5 %" not in told


def test_every_target_is_of_a_case_that_runs() -> None:
    assert {target.case for target in TARGETS} <= {case.name for case in CASES}
