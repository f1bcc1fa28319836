"""Expected time and harm of a rollout, by the simulation, at the route's present traffic."""

from dataclasses import dataclass

from tidegate.api.spec import ModelDeploymentSpec
from tidegate.api.status import ModelDeploymentStatus
from tidegate.judge.pace import Pace
from tidegate.judge.state import Evidence
from tidegate.judge.text import duration, percent
from tidegate.simulation.results import Outcome, Results
from tidegate.simulation.rollouts import simulate
from tidegate.simulation.situation import Policy, Situation

RUNS, SEED = 300, 1
BROKEN = 0.5


@dataclass(frozen=True)
class Traffic:
    """Requests a second on the route, and the share of them that fails at stable."""

    rps: float
    error_rate: float


def present_traffic(status: ModelDeploymentStatus | None) -> Traffic | None:
    """What the rollout under way has measured; None where the status tells nothing."""
    rollout = status.rollout if status is not None else None
    if rollout is None or not rollout.pace or not rollout.evidence:
        return None
    mean, stable = Pace.from_status(rollout.pace).traffic.mean, Evidence.from_status(rollout.evidence).total.stable
    return Traffic(mean, stable.bad / stable.finished if stable.finished else 0.0) if mean > 0.0 else None


def expectations(spec: ModelDeploymentSpec, traffic: Traffic) -> list[str]:
    """What becomes of a candidate as good as stable, and of one that fails half of its requests.

    Raises
    ------
    ValueError
        If the plan cannot be simulated.
    """
    head = f"at {traffic.rps:,.3g} requests/s of which {percent(traffic.error_rate)} fail"
    good = _simulated(spec, traffic, traffic.error_rate)
    bad = _simulated(spec, traffic, BROKEN)
    promoted = f"a candidate as good as stable is promoted in {100 * good.rate(Outcome.Promoted):.0f} % of cases"
    back = f"one that fails {percent(BROKEN)} is taken back in {100 * bad.rate(Outcome.RolledBack):.0f} %"
    return [
        f"{head}, loading and pauses for a person left out:",
        f"{promoted}{_after(good)}",
        f"{back}{_after(bad)} and fails about {bad.excess.mean():,.0f} requests more than stable would",
    ]


def _after(results: Results) -> str:
    return f", after {duration(results.median_seconds)} (median)" if results.median_seconds is not None else ""


def _simulated(spec: ModelDeploymentSpec, traffic: Traffic, candidate: float) -> Results:
    situation = Situation(
        rps=traffic.rps, error_rate=traffic.error_rate, candidate_error_rate=candidate, replicas=spec.replicas
    )
    policy = Policy(rollout=spec.rollout, timeout_seconds=float(spec.traffic.timeout_seconds))
    return simulate(situation, policy, runs=RUNS, seed=SEED)
