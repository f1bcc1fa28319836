"""Whole rollouts by the default plan, beside Flagger's rule."""

from bench.judge.figures import Figure, Table, mean, median, rate
from tidegate.simulation.flagger import simulate_flagger
from tidegate.simulation.results import Outcome, Results
from tidegate.simulation.rollouts import simulate
from tidegate.simulation.situation import Policy, Situation

SITUATIONS = (
    ("0.1 requests/s, healthy at 0.5 %", Situation(rps=0.1, error_rate=0.005, candidate_error_rate=0.005)),
    ("4 requests/s, healthy at 0.5 %", Situation(rps=4.0, error_rate=0.005, candidate_error_rate=0.005)),
    ("40 requests/s, healthy at 0.5 %", Situation(rps=40.0, error_rate=0.005, candidate_error_rate=0.005)),
    ("40 requests/s, healthy at 0.9 %", Situation(rps=40.0, error_rate=0.009, candidate_error_rate=0.009)),
    ("40 requests/s, 2 x the errors at 0.5 %", Situation(rps=40.0, error_rate=0.005, candidate_error_rate=0.01)),
    ("40 requests/s, 5 x the errors at 0.5 %", Situation(rps=40.0, error_rate=0.005, candidate_error_rate=0.025)),
    ("40 requests/s, half broken", Situation(rps=40.0, error_rate=0.005, candidate_error_rate=0.5)),
    ("1,000 requests/s, 5 x the errors at 0.1 %", Situation(rps=1000.0, error_rate=0.001, candidate_error_rate=0.005)),
)


def whole_rollouts(runs: int, seed: int) -> Table:
    """Rollouts with the defaults of the resource."""
    rows = []
    for name, situation in SITUATIONS:
        rows.append((name, _figures(simulate(situation, Policy(), runs=runs, seed=seed))))
        rows.append((f"{name}: Flagger's rule", _figures(simulate_flagger(situation, runs=runs, seed=seed))))
    note = (
        "Two pods of stable, the default plan and analysis, scrapes every 5 s; from the candidate's first request to "
        "the verdict, loading left out. Flagger's rule: windows of a minute, 99 %, 5 failures, steps of 10 % to 50 %."
    )
    return Table("Whole rollouts", runs, note, rows)


def _figures(results: Results) -> dict[str, Figure]:
    decided = results.outcome != Outcome.Inconclusive
    figures = {
        "promoted": rate(results.count(Outcome.Promoted), results.runs),
        "rolled back": rate(results.count(Outcome.RolledBack), results.runs),
        "without a verdict": rate(results.count(Outcome.Inconclusive), results.runs),
        "harm": mean(results.excess),
    }
    if decided.any():
        figures["seconds"] = median(results.seconds[decided])
    return figures
