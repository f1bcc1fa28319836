"""Everything known of every run under way; how weights are written and time passes in them."""

import numpy as np

from tidegate.judge.grid import ON_THE_GRID, SCRAPE_JITTER
from tidegate.judge.pace import WHOLE
from tidegate.rollout.capacity import ENTRY
from tidegate.rollout.measuring import SETTLE_SECONDS as COUNTED_AFTER
from tidegate.rollout.traffic import SETTLE_SECONDS
from tidegate.simulation.arrays import Columns, Flags, Floats, Ints
from tidegate.simulation.metric import MetricEvidence
from tidegate.simulation.pacing import Pace
from tidegate.simulation.plan import Plan
from tidegate.simulation.quality import Quality

ASKING, BY_PROOF, WITHOUT_PROOF = 0, 1, 2
"""What promotes: not chosen yet, proof, or no harm for long enough."""


class State(Columns):
    """Arrays with one entry a run; all runs begin when the candidate, ready, enters the route."""

    def __init__(self, plan: Plan, random: np.random.Generator, runs: int) -> None:
        def none() -> Floats:
            return np.zeros(runs)

        def no_count() -> Ints:
            return np.zeros(runs, dtype=np.int64)

        def never() -> Flags:
            return np.zeros(runs, dtype=np.bool_)

        self.number: Ints = np.arange(runs)
        self.scrape_phase = _scrape_phase(plan, random, runs)
        self.now, self.wake = none(), none()
        self.in_force, self.counts_from, self.cell_start, self.rise_from = none(), none(), none(), none()
        self.weight, self.step, self.step_since = no_count() + ENTRY, no_count(), none()
        self.pods, self.pods_ready = no_count() + plan.first_pods, none()
        self.judged, self.step_judged, self.bake, self.bake_requests = none(), none(), none(), no_count()
        self.hold, self.retreated, self.share_trouble, self.paused = never(), never(), never(), never()
        self.mode = no_count() + ASKING
        self.at_weight_finished, self.at_weight_candidate, self.idle = no_count(), no_count(), none()
        self.excess, self.exposure = none(), none()
        self.compared = never()
        self.pace = Pace(runs)
        shares = plan.policy.alpha_shares(latency=plan.situation.latency is not None)
        self.metrics = {
            metric: MetricEvidence(plan.policy.rules, metric, share, runs) for metric, share in shares.items()
        }
        self.quality = Quality.of(plan.situation, self.weight, self.pods)
        self._begin_weight(plan, np.ones(runs, dtype=np.bool_), blank_seconds=none())
        self.wake = self.in_force

    @property
    def runs(self) -> int:
        """Runs under way."""
        return len(self.number)

    @property
    def share(self) -> Floats:
        """The candidate's share of the route, 0 to 1."""
        found: Floats = self.weight / WHOLE
        return found

    def cell_due(self, plan: Plan) -> Floats:
        """Moment at which the present cell can be asked for."""
        return self.cell_start + plan.cell_seconds + COUNTED_AFTER

    def pass_time(self, until: Floats, rps: float) -> None:
        """Let requests come until then."""
        requests = (until - self.now) * rps * self.share
        self.exposure = self.exposure + requests
        self.excess = self.excess + requests * self.quality.excess
        self.now = until

    def write(self, plan: Plan, weight: Ints, where: Flags) -> None:
        """Write other weights in the runs `where` they differ; a cell under way is dropped."""
        risen, fallen = where & (weight > self.weight), where & (weight < self.weight)
        before, excess_before = self.share, self.quality.excess
        self.bake = np.where(risen, 0.0, self.bake)
        self.bake_requests = np.where(risen, 0, self.bake_requests)
        self.pace.written(weight, where)
        self.weight = np.where(where, weight, self.weight)
        self.quality = Quality.of(plan.situation, self.weight, self.pods)
        # Traffic comes at once and leaves late: the worse of both.
        late = SETTLE_SECONDS * plan.situation.rps * fallen
        self.exposure = self.exposure + late * (before - self.share)
        self.excess = self.excess + late * (before * excess_before - self.share * self.quality.excess)
        self._begin_weight(plan, where, np.where(fallen, plan.policy.timeout_seconds, 0.0))

    def leaving(self, plan: Plan) -> Floats:
        """Requests the candidate still gets from a decision against it to the moment its traffic is away."""
        found: Floats = SETTLE_SECONDS * plan.situation.rps * self.share
        return found

    def _begin_weight(self, plan: Plan, where: Flags, blank_seconds: Floats) -> None:
        in_force = self.now + SETTLE_SECONDS
        scraped = self.next_scrape(plan, in_force + blank_seconds)
        first = np.ceil(np.round((scraped + SCRAPE_JITTER * plan.cell_seconds) * 1000.0, 3)) / 1000.0
        self.in_force = np.where(where, in_force, self.in_force)
        self.counts_from = np.where(where, in_force + blank_seconds, self.counts_from)
        self.cell_start = np.where(where, first, self.cell_start)
        self.at_weight_finished = np.where(where, 0, self.at_weight_finished)
        self.at_weight_candidate = np.where(where, 0, self.at_weight_candidate)
        self.idle = np.where(where, 0.0, self.idle)

    def ask_for_pods(self, plan: Plan, needed: Ints, where: Flags) -> None:
        """Let the candidate have as many pods as it needs; they are ready at once."""
        grows = where & (needed > self.pods)
        self.pods_ready = np.where(grows, self.now, self.pods_ready)
        self.pods = np.where(grows, needed, self.pods)
        if grows.any():
            self.quality = Quality.of(plan.situation, self.weight, self.pods)

    def counted_seconds(self, plan: Plan) -> Floats:
        """Time between the scrapes that the present cell is counted from."""
        period = plan.situation.scrape_seconds
        last = self._scrape(self.cell_start, period, np.floor)
        first = self._scrape(self.counts_from, period, np.ceil)
        end = self._scrape(self.cell_start + plan.cell_seconds, period, np.floor)
        return np.maximum(0.0, end - np.where(last >= self.counts_from, last, first))

    def next_scrape(self, plan: Plan, moment: Floats) -> Floats:
        """The first scrape at or after a moment."""
        return self._scrape(moment, plan.situation.scrape_seconds, np.ceil)

    def _scrape(self, moment: Floats, period: float, rounding: "np.ufunc") -> Floats:
        slack = -ON_THE_GRID if rounding is np.ceil else ON_THE_GRID
        found: Floats = self.scrape_phase + period * rounding((moment - self.scrape_phase) / period + slack)
        return found


def _scrape_phase(plan: Plan, random: np.random.Generator, runs: int) -> Floats:
    """Moment of a scrape in every run, in whole milliseconds as Prometheus has them."""
    given = plan.situation.scrape_phase
    drawn = random.uniform(0.0, plan.situation.scrape_seconds, runs)
    phases: Floats = np.floor((drawn if given is None else np.full(runs, given)) * 1000.0) / 1000.0
    return phases
