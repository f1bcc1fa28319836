"""The pieces of ``bench.judge``: figures with limits, queues of pods, and the report."""

import json

import numpy as np
import pytest

from bench.judge.figures import Bound, Figure, Table, mean, median, rate
from bench.judge.fixed import Candidate, flagger_found_after, found_after
from bench.judge.promotions import margin
from bench.judge.queues import SLOW, Pods, simulate_pods
from bench.judge.render import document, markdown


def test_limits_enclose_what_is_true_about_as_often_as_they_say() -> None:
    random = np.random.default_rng(1)
    samples = [random.exponential(1.0, 400) for _ in range(400)]
    for figure, true in ((mean, 1.0), (median, np.log(2.0))):
        inside = [figure(sample).low <= true <= figure(sample).high for sample in samples]
        assert 0.92 <= np.mean(inside) <= 0.98


def test_harm_is_found_at_a_fixed_weight_and_flagger_finds_it_later() -> None:
    broken = Candidate(20.0, 0.5, 0.001)
    assert found_after(broken, 1.25, runs=20, seed=1).tolist() == [50.0] * 20
    assert flagger_found_after(broken, runs=20, seed=1).tolist() == [320.0] * 20
    assert np.isinf(found_after(Candidate(20.0, 0.001, 0.001, burst=3.0), 1.25, runs=20, seed=1)).all()


@pytest.mark.parametrize(("base", "expected"), [(0.001, 0.01), (0.3, 6.0 / 13.0)])
def test_the_margin_is_over_the_limit_and_the_odds_ratio(base: float, expected: float) -> None:
    assert margin(base) == pytest.approx(expected)


def test_one_pod_is_a_queue_of_known_load() -> None:
    # One request in a thousand seconds never waits: slow is what the service alone takes.
    idle = simulate_pods(np.random.default_rng(1), Pods(1, 0.001, 1.0), 400, 60_000.0, 60_000.0)
    services = np.random.default_rng(2).gamma(4.0, 0.25, 100_000)
    assert idle.share == pytest.approx((services > SLOW).mean(), abs=0.001)
    assert idle.finished.sum() == pytest.approx(400 * 60, rel=0.03)


def test_fewer_pods_at_the_same_load_have_longer_queues() -> None:
    shares = [
        simulate_pods(np.random.default_rng(1), Pods(pods, 0.6, 0.5), 50, 600.0, 60.0).share for pods in (1, 2, 4)
    ]
    assert shares[0] > 2.0 * shares[1] > 4.0 * shares[2] > 0.0


def test_the_report_shows_limits_and_bounds_that_are_not_kept() -> None:
    figures = {"share": rate(1, 100), "seconds": Figure(65.0, 50.0, 80.0), "late": Figure(*[float("inf")] * 3)}
    bounds = [Bound("share", 0.01, 0.05), Bound("harm", 90.0, 70.0, is_share=False, why_not="Because.")]
    table = Table("Title", 100, "Note.", [("row", figures)], bounds)
    page = markdown([table], "command")
    assert "| row | 1.00 % (0.18 to 5.45) | 65.0 (50.0 to 80.0) | never |" in page
    assert "- kept: share 1.00 %, at most 5 %" in page
    assert "- **not kept**: harm 90.0, at most 70.0. Because." in page
    content = json.loads(document([table]))
    assert content["tables"][0]["rows"][0]["late"] == {"value": None, "low": None, "high": None}
    assert [bound["holds"] for bound in content["tables"][0]["bounds"]] == [True, False]
