"""Many rollouts side by side, cell by cell: one planning pass in arrays, in the order of `tidegate.rollout`."""

import math

import numpy as np

from tidegate.judge.pace import HOUR_SECONDS
from tidegate.judge.rules import Metric
from tidegate.rollout.capacity import ENTRY, WHOLE
from tidegate.rollout.judging import SHARE_LEAST_EXPECTED, SHARE_SIGMAS, SHARE_TOLERANCE
from tidegate.rollout.measuring import RISE_LEAD_SECONDS
from tidegate.rollout.proof import KNOWN_REQUESTS, KNOWN_SECONDS
from tidegate.simulation.arrays import Flags, Floats, Ints
from tidegate.simulation.cells import Cells
from tidegate.simulation.metric import log_suspicion
from tidegate.simulation.plan import Plan, StepKind
from tidegate.simulation.promotion import requests_needed
from tidegate.simulation.results import Outcome, Recorder, Results
from tidegate.simulation.situation import Policy, Situation
from tidegate.simulation.source import Drawn, Source
from tidegate.simulation.state import ASKING, BY_PROOF, WITHOUT_PROOF, State
from tidegate.simulation.verdicts import Suspicion, Terms, is_harmful, promotes, suspicion

PATIENCE = 3.0
"""A rollout that was held for so many times maxSeconds is given up as undecided."""


def simulate(situation: Situation, policy: Policy, *, runs: int, seed: int, source: Source | None = None) -> Results:
    """Run so many rollouts of one candidate.

    Parameters
    ----------
    source
        Where counts come from; None draws them from the situation.

    Raises
    ------
    ValueError
        If no step of the plan gives the candidate traffic.
    """
    random = np.random.default_rng(seed)
    plan = Plan(policy, situation)
    rollouts = Rollouts(plan, source or Drawn(random, situation), State(plan, random, runs))
    return rollouts.run()


class Rollouts:
    """All runs, those under way in `state`."""

    def __init__(self, plan: Plan, source: Source, state: State) -> None:
        self.plan, self.source, self.state = plan, source, state
        analysis = plan.analysis
        no_harm = analysis.statistics.no_harm
        self.terms = Terms(
            no_harm.min_requests, no_harm.min_seconds, analysis.promotion == "Auto", float(analysis.bake_seconds)
        )
        self.recorder = Recorder(plan, state.runs)
        self._remember_the_hour_before()

    def run(self) -> Results:
        """Run all of them to their end."""
        self.recorder.weights(self.state, np.ones(self.state.runs, dtype=np.bool_))
        while self.state.runs:
            while (quiet := self.state.wake < self.state.cell_due(self.plan)).any():
                self._wake(quiet)
            self._cell()
            self.state.keep(self.recorder.under_way(self.state))
        return self.recorder.results()

    def _remember_the_hour_before(self) -> None:
        """Burst factors and traffic of the hour before, when stable had it all."""
        for before in self.source.before(self.state, self.plan):
            for name, metric in self.state.metrics.items():
                metric.burst.follow(before[name].stable_finished[0], before[name].stable_bad[0])
            self.state.pace.traffic.follow(before[Metric.Errors].stable_finished[0], self.plan.cell_seconds)

    # ---- one cell --------------------------------------------------------------------------------------------------

    def _cell(self) -> None:
        state, plan = self.state, self.plan
        state.pass_time(state.cell_due(plan), plan.situation.rps)
        at_last = self._at_last_weight()
        cells = self.source.cells(state, plan)
        requests = cells[Metric.Errors].pooled
        state.share_trouble = _share_trouble(requests, state.share)
        self._count(cells, at_last)
        found = suspicion(state)
        self._run_clocks(found, requests, at_last)
        self._set_pace(found, requests)
        self._choose_promotion(at_last)
        state.rise_from = state.next_scrape(plan, state.now + RISE_LEAD_SECONDS) - RISE_LEAD_SECONDS
        state.hold, state.retreated = found.holds, found.holds & (found.retreats | state.retreated)
        promote = promotes(state, found, at_last, self.terms)
        state.cell_start = state.cell_start + plan.cell_seconds
        self.recorder.end(state, found.harmful, Outcome.RolledBack)
        self._plan(~found.harmful, promote)
        self.recorder.give_up(state, PATIENCE * plan.analysis.max_seconds + HOUR_SECONDS)

    def _count(self, cells: dict[Metric, Cells], at_last: Flags) -> None:
        state, seconds = self.state, self.plan.cell_seconds
        requests = cells[Metric.Errors].pooled
        state.at_weight_finished = state.at_weight_finished + requests.finished
        state.at_weight_candidate = state.at_weight_candidate + requests.candidate_finished
        state.idle = np.where(requests.finished > 0, 0.0, state.idle + seconds)
        everywhere = np.ones(state.runs, dtype=np.bool_)
        warmup = float(self.plan.analysis.statistics.warmup_seconds)
        warm = state.pods_ready + warmup <= state.cell_start
        state.compared = warm & state.quality.alike
        conditions = {
            Metric.Errors: (everywhere, everywhere),
            Metric.Latency: (warm, state.quality.alike & ~state.share_trouble),
        }
        for name, metric in state.metrics.items():
            counted, alike = conditions[name]
            metric.count(cells[name], seconds=seconds, for_promotion=at_last, counted=counted, alike=alike)
        harmful = is_harmful(state)
        for name, metric in state.metrics.items():
            metric.count_limit(cells[name], counted=conditions[name][0], harmful=harmful)

    def _run_clocks(self, found: Suspicion, requests: Cells, at_last: Flags) -> None:
        state, seconds = self.state, self.plan.cell_seconds
        runs = found.none & (requests.finished > 0) & ~state.share_trouble & (state.weight > ENTRY)
        state.judged = state.judged + seconds * (runs & ~state.paused)
        at_step = ~state.retreated & (state.weight == self.plan.held[state.step])
        state.step_judged = state.step_judged + seconds * (runs & at_step)
        state.bake = state.bake + seconds * (runs & at_last)
        state.bake_requests = state.bake_requests + requests.candidate_finished * (runs & at_last)

    def _set_pace(self, found: Suspicion, requests: Cells) -> None:
        state = self.state
        late = state.judged >= self.plan.analysis.max_seconds
        may_rise = found.none & ~late & ~state.share_trouble & (requests.finished > 0)
        state.pace.traffic.follow(requests.finished, self.plan.cell_seconds)
        total = state.metrics[Metric.Errors].total
        state.pace.count(
            self.plan.budget,
            total,
            state.weight,
            may_rise=may_rise,
            retreats=found.retreats,
            suspicion=np.exp(log_suspicion(state.metrics.values())),
        )

    def _at_last_weight(self) -> Flags:
        state, plan = self.state, self.plan
        at_last: Flags = (state.step >= plan.last) & (state.weight == plan.held[plan.last]) & ~state.retreated
        return at_last

    def _choose_promotion(self, at_last: Flags) -> None:
        state, analysis = self.state, self.plan.analysis
        traffic = state.pace.traffic
        known = (traffic.requests >= KNOWN_REQUESTS) | (traffic.seconds >= KNOWN_SECONDS)
        open_runs = at_last & (state.mode == ASKING)
        if analysis.promotion != "Auto":
            chosen = WITHOUT_PROOF if analysis.promotion == "NoHarm" else BY_PROOF
            state.mode = np.where(open_runs, chosen, state.mode)
            return
        open_runs = open_runs & known
        if not open_runs.any():
            return
        compared = {Metric.Errors: np.ones(state.runs, dtype=np.bool_), Metric.Latency: state.quality.alike}
        per_metric = [
            requests_needed(found, state.share, open_runs, compared[metric]) for metric, found in state.metrics.items()
        ]
        rate = traffic.mean * state.share
        with np.errstate(divide="ignore", invalid="ignore"):
            seconds = np.where(rate > 0.0, np.max(per_metric, axis=0) / rate, math.inf)
        fits = state.judged + np.maximum(seconds, analysis.bake_seconds) <= analysis.max_seconds
        state.mode = np.where(open_runs, np.where(fits, BY_PROOF, WITHOUT_PROOF), state.mode)

    # ---- one planning pass -----------------------------------------------------------------------------------------

    def _wake(self, where: Flags) -> None:
        """A pass without a cell: a weight came in force, or a pause ended."""
        state = self.state
        state.pass_time(np.where(where, state.wake, state.now), self.plan.situation.rps)
        self._plan(where, np.zeros(state.runs, dtype=np.bool_))

    def _plan(self, where: Flags, promote: Flags) -> None:
        """Hold this step's weight and go on once nothing is missing."""
        state, plan = self.state, self.plan
        target = self._hold_weight(where)
        waits = where & (target > state.weight) & (state.rise_from > state.now)
        changes = where & (target != state.weight) & ~waits
        state.write(plan, target, changes)
        self.recorder.weights(state, changes)
        in_steps = state.step < plan.steps
        self.recorder.end(state, where & ~in_steps & promote, Outcome.Promoted)
        done = self._step_done()
        state.paused = np.where(where & in_steps, (plan.kind[state.step] == StepKind.Pause) & ~done, state.paused)
        there = where & ~changes & ~waits & (state.in_force <= state.now)
        advances = there & in_steps & done & ~state.hold & ~state.share_trouble
        state.step = state.step + advances
        state.step_since = np.where(advances, state.now, state.step_since)
        state.step_judged = np.where(advances, 0.0, state.step_judged)
        self._wake_later(where, waits)
        late = where & (state.judged >= plan.analysis.max_seconds)
        self.recorder.end(state, late, Outcome.Inconclusive)
        if advances.any():
            self._plan(advances, np.zeros(state.runs, dtype=np.bool_))

    def _hold_weight(self, where: Flags) -> Ints:
        """Size the candidate for the step's weight; return the weight it may have of it."""
        state, plan = self.state, self.plan
        wanted, present = plan.held[state.step], state.weight
        first = np.minimum(plan.first, np.maximum(ENTRY, state.pace.first))
        held = np.minimum(wanted, np.maximum(present, first))
        wanted = np.where(state.retreated, np.minimum(wanted, first), np.where(state.hold, held, wanted))
        target = np.minimum(wanted, np.maximum(ENTRY, state.pace.weight))
        asked = np.where(plan.ramps[state.step], target, wanted)
        needed = np.maximum(1, -(-asked * plan.situation.replicas // (WHOLE - asked)))
        state.ask_for_pods(plan, needed, where)
        return target

    def _step_done(self) -> Flags:
        state, plan = self.state, self.plan
        seconds = plan.seconds[state.step]
        paused = plan.kind[state.step] == StepKind.Pause
        judged = (state.step_judged > 0.0) & (state.step_judged >= seconds)
        return np.where(paused, state.step_since + seconds <= state.now, judged)

    def _wake_later(self, where: Flags, waits: Flags) -> None:
        """Another pass is due when the weight may rise or comes in force, or when a pause ends."""
        state, plan = self.state, self.plan
        paused = (state.step < plan.steps) & (plan.kind[state.step] == StepKind.Pause)
        ends = np.where(paused, state.step_since + plan.seconds[state.step], -math.inf)
        moments = np.array([state.in_force, ends, np.where(waits, state.rise_from, -math.inf)])
        wake = np.where(moments > state.now, moments, math.inf).min(axis=0)
        state.wake = np.where(where, wake, state.wake)


def _share_trouble(requests: Cells, weight: Floats) -> Flags:
    """Whether the share measured over a cell is not the one written in the route."""
    total, found = requests.finished, requests.candidate_finished
    expected = weight * total
    band = np.maximum(SHARE_SIGMAS * np.sqrt(total * weight * (1.0 - weight)), SHARE_TOLERANCE * expected)
    trouble: Flags = (expected >= SHARE_LEAST_EXPECTED) & (np.abs(found - expected) > band)
    return trouble
