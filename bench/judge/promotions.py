"""How many requests proof takes, and how often a candidate at the margin passes for good."""

import math

import numpy as np

from bench.judge.figures import Bound, Figure, Table, median, rate
from bench.judge.fixed import SECONDS, TWO_HOURS
from tidegate.judge.rules import Rules
from tidegate.simulation.arrays import Floats
from tidegate.simulation.evidence import NonInferiority
from tidegate.simulation.metric import reaches
from tidegate.simulation.traffic import draw_cells

BASES = (0.001, 0.003, 0.005, 0.01, 0.03, 0.1, 0.3)
LIMIT, BELOW = 0.01, Rules().below
RATE = 20.0
BEFORE = 5.0
"""Intervals that were seen of stable before the last weight."""
FALSE_PROMOTIONS = 0.05


def margin(base: float) -> float:
    """The least share at which promotion is false: over the limit and at the odds ratio to stay under."""
    odds = BELOW * base / (1.0 - base)
    return max(LIMIT, odds / (1.0 + odds))


def promotion_table(runs: int, seed: int) -> Table:
    """Reach and false promotion by stable's share of bad requests."""
    rows, bounds = [], []
    for base in BASES:
        equal = _proven_after(base, base, runs, seed)
        false = _proven_after(base, margin(base), runs, seed + 1)
        reached = np.isfinite(equal)
        figures: dict[str, Figure] = {"as good as stable: proven": rate(int(reached.sum()), runs)}
        if reached.any():
            figures["requests of the candidate"] = median(equal[reached])
        at_margin = rate(int(np.isfinite(false).sum()), runs)
        figures["at the margin: proven"] = at_margin
        name = f"stable {100 * base:g} %, margin {100 * margin(base):.3g} %"
        rows.append((name, figures))
        bounds.append(Bound(f"{name}: false promotions", at_margin.value, FALSE_PROMOTIONS))
    note = (
        f"Proof alone, without the rules that hold, within two hours at half of {2 * RATE:g} requests/s, intervals of "
        f"15 s. The limit is {100 * LIMIT:g} %, the odds ratio to stay under {BELOW:g}; at the margin the candidate is "
        f"over both. Stable was seen for {BEFORE:g} intervals before."
    )
    return Table("Promotion", runs, note, rows, bounds)


def _proven_after(base: float, share: float, runs: int, seed: int) -> Floats:
    random, standard = np.random.default_rng(seed), Rules()
    evidence = NonInferiority(standard.below, standard.limit, runs)
    expected, found = np.full(runs, RATE * SECONDS), np.full(runs, math.inf)
    requests, independent, everywhere = np.zeros(runs), np.ones(runs), np.ones(runs, dtype=np.bool_)
    before = draw_cells(random, (BEFORE * expected, BEFORE * expected), (share, base)).pooled
    for _ in range(math.floor(TWO_HOURS / SECONDS)):
        cells = draw_cells(random, (expected, expected), (share, base))
        requests = requests + cells.candidate_finished[0]
        open_runs = np.isinf(found)
        evidence.update(cells, independent, open_runs, everywhere, before)
        before = before + cells.pooled
        found = np.where(open_runs & reaches(evidence.log_e, standard.promotion_line), requests, found)
        if np.isfinite(found).all():
            break
    return found
