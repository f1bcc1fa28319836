"""Simulated rollouts go the planner's way: the same weights at the same times to the same end, on the same counts."""

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
import pytest

from tests.unit.rollout.world import PLENTY, World, serving, spec_of
from tidegate.judge.grid import Cell
from tidegate.judge.metric import Interval
from tidegate.judge.metric import MetricEvidence as Judged
from tidegate.judge.pace import HOUR_SECONDS, Budget, Pace, Traffic
from tidegate.judge.promotion import requests_needed
from tidegate.judge.rules import Metric, Rules
from tidegate.judge.strata import EMPTY, Counts, Stratum
from tidegate.simulation.cells import Cells
from tidegate.simulation.metric import MetricEvidence
from tidegate.simulation.pacing import Budget as Budgets
from tidegate.simulation.pacing import Pace as Paces
from tidegate.simulation.plan import Plan
from tidegate.simulation.promotion import requests_needed as requests_needed_in
from tidegate.simulation.results import Outcome, Results
from tidegate.simulation.rollouts import PATIENCE, simulate
from tidegate.simulation.situation import Latency, Policy, Situation
from tidegate.simulation.state import State

CLOSE = 1e-4
"""Seconds: a date has microseconds."""
SCRAPE_PHASE = 1.7
"""Seconds from the candidate's entry to a scrape."""


@dataclass
class Scripted:
    """Random counts, noted down in the order in which the planner counted them."""

    random: np.random.Generator
    rate: float
    bad: dict[str, float]
    clusters: int
    slow: dict[str, float]
    hanging: set[str] = field(default_factory=set)
    counted: dict[tuple[float, Metric], list[Counts]] = field(default_factory=dict)

    def counts(self, revision: str, share: float, cell: Cell, metric: Metric = Metric.Errors) -> Counts:
        known = self.counted.setdefault((cell.start, metric), [])
        if metric is Metric.Errors:
            finished = int(self.random.poisson(self.rate * share * (cell.end - cell.start)))
        else:
            finished = self.counted[cell.start, Metric.Errors][len(known)].finished
        by = {Metric.Errors: self.bad, Metric.Latency: self.slow, Metric.ClientErrors: {}}[metric]
        groups = self.random.poisson(finished * by.get(revision, 0.0) / self.clusters)
        known.append(Counts(finished, min(finished, int(groups) * self.clusters)))
        return known[-1]

    def strata(self, metric: Metric) -> list[Stratum]:
        """What was counted of a metric, in the order of time."""
        pairs = sorted((start, pair) for (start, by), pair in self.counted.items() if by is metric)
        return [Stratum(*pair) for _, pair in pairs]


@dataclass
class Replayed:
    """What the planner counted, for one run; nothing after that."""

    strata: dict[Metric, Iterator[Stratum]]

    def before(self, state: State, plan: Plan) -> Iterator[dict[Metric, Cells]]:
        return iter(())

    def cells(self, state: State, plan: Plan) -> dict[Metric, Cells]:
        return {metric: cells_of(next(strata, EMPTY)) for metric, strata in self.strata.items()}


def cells_of(*strata: Stratum) -> Cells:
    """One stratum each for so many runs."""
    rows = [(one.candidate.finished, one.candidate.bad, one.stable.finished, one.stable.bad) for one in strata]
    return Cells(*(np.array([column]) for column in zip(*rows, strict=True)))


@dataclass(frozen=True)
class Case:
    """Requests a second, shares of stable and candidate that are bad or slow, and the size of groups they come in."""

    rate: float
    bad: tuple[float, float] = (0.0, 0.0)
    slow: tuple[float, float] = (0.0, 0.0)
    clusters: int = 1


@dataclass(frozen=True)
class Played:
    """One rollout: weights with the moments they were written, and its end."""

    weights: list[tuple[float, int]]
    outcome: Outcome
    seconds: float
    script: Scripted


def planned(spec: Any, case: Case, seed: int) -> Played:
    """One rollout driven through the planner."""
    world = serving(spec_of("1", replicas=spec.replicas))
    world.pass_time(60)
    stable, candidate = world.status.stable or "", world.apply(spec)
    bad, slow = (dict(zip((stable, candidate), shares, strict=True)) for shares in (case.bad, case.slow))
    script = Scripted(np.random.default_rng(seed), case.rate, bad, case.clusters, slow)
    world.traffic = script  # type: ignore[assignment]
    world.run_until(lambda world: world.weight_of(candidate) > 0)
    entered, weights = world.now.timestamp(), [(0.0, 1)]
    world.scraped_at = entered + SCRAPE_PHASE
    for _ in world.run(give_up_after(spec)):
        moment, outcome = world.now.timestamp() - entered, outcome_of(world)
        if outcome is not Outcome.UnderWay:
            return Played(weights, outcome, moment, script)
        if weights[-1][1] != world.weight_of(candidate):
            weights.append((moment, world.weight_of(candidate)))
    return Played(weights, Outcome.Inconclusive, give_up_after(spec), script)


def give_up_after(spec: Any) -> float:
    """Seconds after which the simulation takes a rollout that is held for undecided."""
    return PATIENCE * float(spec.rollout.analysis.max_seconds) + HOUR_SECONDS


def outcome_of(world: World) -> Outcome:
    rollout = world.status.rollout
    if rollout is None:
        return Outcome.UnderWay
    if rollout.inconclusive:
        return Outcome.Inconclusive
    return {"Promoting": Outcome.Promoted, "Withdrawing": Outcome.RolledBack}.get(rollout.phase, Outcome.UnderWay)


def replayed(spec: Any, script: Scripted) -> Results:
    """The simulation on the same counts."""
    policy = Policy(rollout=spec.rollout, timeout_seconds=float(spec.traffic.timeout_seconds))
    judged = [Metric.Errors, *([Metric.Latency] if spec.rollout.analysis.latency else [])]
    latency = Latency(stable_seconds=1.0, candidate_seconds=1.0, bound_seconds=1.0) if len(judged) > 1 else None
    source = Replayed({metric: iter(script.strata(metric)) for metric in judged})
    situation = Situation(rps=1.0, replicas=spec.replicas, latency=latency, scrape_phase=SCRAPE_PHASE)
    return simulate(situation, policy, runs=1, seed=1, source=source)


RAMP = [{"ramp": {}}]
MIXED = [
    {"weight": {"percent": 2, "seconds": 40}},
    {"pause": {"seconds": 95}},
    {"weight": {"percent": 10, "seconds": 20}},
    {"ramp": {"maxPercent": 30}},
    {"pause": {"seconds": 33}},
]
BUDGET = {"statistics": {"harmBudgetRequests": 20}}
TRAFFIC = {
    "clean": Case(50.0),
    "healthy": Case(40.0, bad=(0.005, 0.005), slow=(0.002, 0.002)),
    "healthy in bursts": Case(40.0, bad=(0.01, 0.01), clusters=4),
    "much worse": Case(40.0, bad=(0.005, 0.05)),
    "a little worse": Case(40.0, bad=(0.005, 0.009)),
    "half broken": Case(200.0, bad=(0.01, 0.5)),
    "both over the limit": Case(30.0, bad=(0.03, 0.03)),
    "now and then over the limit": Case(30.0, bad=(0.009, 0.012), clusters=6),
    "a request now and then": Case(0.3),
    "slower": Case(40.0, slow=(0.002, 0.05)),
    "both slow": Case(40.0, slow=(0.03, 0.03)),
    "slow now and then, failing too": Case(40.0, bad=(0.005, 0.008), slow=(0.005, 0.008), clusters=5),
}
PLANS: dict[str, dict[str, Any]] = {
    "the default": {"steps": RAMP, "analysis": BUDGET},
    "mixed": {"steps": MIXED, "analysis": {**BUDGET, "maxSeconds": 2000}},
    "weights, plenty of budget": {},
    "one pod, no proof": {
        "replicas": 1,
        "steps": RAMP,
        "analysis": {**BUDGET, "promotion": "NoHarm", "maxSeconds": 2400, "bakeSeconds": 100},
    },
    "latency": {"steps": RAMP, "analysis": {**BUDGET, "maxSeconds": 2000, "latency": {"boundMilliseconds": 250}}},
    "latency, all at once": {
        "steps": [{"weight": {"percent": 50, "seconds": 60}}],
        "analysis": {"maxSeconds": 400, "latency": {"boundMilliseconds": 250, "ignoreBelowPercent": "0.3"}},
    },
    "latency, no proof, slow to warm up": {
        "steps": [{"weight": {"percent": 50}}],
        "analysis": {
            "promotion": "NoHarm",
            "latency": {"boundMilliseconds": 250},
            "statistics": {"harmBudgetRequests": PLENTY, "warmupSeconds": 300, "noHarm": {"minSeconds": 60}},
        },
    },
    "a short time without proof": {
        "steps": RAMP,
        "analysis": {**BUDGET, "promotion": "NoHarm", "statistics": {"noHarm": {"minSeconds": 200}}},
    },
    "proof in vain": {"steps": RAMP, "analysis": {**BUDGET, "promotion": "NonInferior", "maxSeconds": 300}},
}


QUICK = {
    ("clean", "the default"),
    ("healthy", "weights, plenty of budget"),
    ("much worse", "mixed"),
    ("half broken", "the default"),
    ("healthy", "mixed"),
    ("both over the limit", "proof in vain"),
    ("a request now and then", "one pod, no proof"),
    ("clean", "latency, no proof, slow to warm up"),
    ("now and then over the limit", "a short time without proof"),
    ("healthy", "latency"),
    ("slower", "latency"),
    ("both slow", "latency, all at once"),
    ("slower", "latency, all at once"),
}


def cases() -> Iterator[Any]:
    """Every plan with every traffic; most of them take long."""
    for traffic, name, seed in product(TRAFFIC, PLANS, (1, 2)):
        quick = seed == 1 and (traffic, name) in QUICK
        yield pytest.param(traffic, name, seed, marks=() if quick else pytest.mark.soak)


@pytest.mark.parametrize(("traffic", "name", "seed"), list(cases()))
def test_a_simulated_rollout_goes_the_planners_way(traffic: str, name: str, seed: int) -> None:
    spec = spec_of("2", **copy.deepcopy(PLANS[name]))
    played = planned(spec, TRAFFIC[traffic], seed)
    found = replayed(spec, played.script)
    changes = [(moment, int(weight)) for moment, _, weight in found.changes.T if moment < played.seconds - CLOSE]
    assert [weight for _, weight in changes] == [weight for _, weight in played.weights]
    assert [moment for moment, _ in changes] == pytest.approx([moment for moment, _ in played.weights], abs=CLOSE)
    assert Outcome(int(found.outcome[0])) is played.outcome
    ended = float(found.seconds[0])
    assert ended == pytest.approx(played.seconds, abs=CLOSE) or min(ended, played.seconds) >= give_up_after(spec)


def test_the_pace_is_the_judges() -> None:
    random, runs = np.random.default_rng(5), 40
    twins, budgets = Paces(runs), Budgets(20.0, 10.0, 100_000)
    paces, budget = [Pace.at(1, Traffic())] * runs, Budget(20.0, 10.0, 100_000)
    seen = [EMPTY] * runs
    for _ in range(60):
        weights = np.maximum(1, np.where(random.random(runs) < 0.2, twins.weight // 2, twins.weight))
        share = random.choice([0.0, 0.01, 0.3], runs)
        counts = random.poisson(random.choice([0.0, 4.0, 4000.0], runs) * weights / 1e6)
        strata = [
            Stratum(Counts(int(n), int(random.binomial(n, p))), Counts(400, int(random.binomial(400, 0.01))))
            for n, p in zip(counts, share, strict=True)
        ]
        seen = [before + stratum for before, stratum in zip(seen, strata, strict=True)]
        may_rise, retreats = random.random(runs) < 0.8, random.random(runs) < 0.05
        suspicion = random.choice([1.0, 1.7, 6.0], runs)
        twins.traffic.follow(cells_of(*strata).finished[0], 10.0)
        twins.count(budgets, cells_of(*seen).pooled, weights, may_rise=may_rise, retreats=retreats, suspicion=suspicion)
        for run, (one, stratum) in enumerate(zip(paces, strata, strict=True)):
            known = Pace(one.weight, one.first, one.held, one.traffic.followed_by(stratum.finished, 10.0))
            flags = {"may_rise": bool(may_rise[run]), "retreats": bool(retreats[run])}
            doubt = float(suspicion[run])
            paces[run] = known.counted(budget, seen[run], int(weights[run]), suspicion=doubt, **flags)
        found = list(zip(twins.weight.tolist(), twins.first.tolist(), twins.held.tolist(), strict=True))
        assert found == [(one.weight, one.first, one.held) for one in paces]
        np.testing.assert_allclose(twins.traffic.rate, [one.traffic.rate for one in paces], rtol=1e-12)


def test_the_requests_a_proof_takes_are_the_judges() -> None:
    shares = [0.0, 0.002, 0.005, 0.009, 0.02, 0.3]
    rules = Rules()
    twin = MetricEvidence(rules, Metric.Errors, 1.0, len(shares))
    strata = [Stratum(Counts(300, 2), Counts(1000, round(1000 * share))) for share in shares]
    everywhere = np.ones(len(shares), dtype=np.bool_)
    twin.count(cells_of(*strata), seconds=10.0, for_promotion=everywhere, counted=everywhere, alike=everywhere)
    weight = np.full(len(shares), 0.4)
    for alike in (everywhere, ~everywhere):
        found = requests_needed_in(twin, weight, everywhere, alike)
        for number, stratum in enumerate(strata):
            evidence = Judged.begin(rules).counted(Interval([stratum]), seconds=10.0, for_promotion=True)
            expected = requests_needed(evidence, rules, weight=0.4, alike=bool(alike[0]))
            assert found[number] == (math.inf if expected is None else expected)


def test_a_plan_without_traffic_cannot_be_simulated() -> None:
    rollout = spec_of("2", steps=[{"pause": {}}]).rollout
    with pytest.raises(ValueError, match="gives the candidate no traffic; add a step"):
        simulate(Situation(rps=1.0), Policy(rollout=rollout), runs=1, seed=1)


def test_seeds_make_figures_reproducible() -> None:
    situation = Situation(rps=40.0, error_rate=0.005, candidate_error_rate=0.05)
    first, again, other = (simulate(situation, Policy(), runs=50, seed=seed).summary() for seed in (7, 7, 8))
    assert first == again
    assert first != other
