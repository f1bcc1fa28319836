"""The verdict: ordered lists of small rules, each with one reason to roll back, to hold or not to promote yet."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tidegate.judge.counts import Uncountable
from tidegate.judge.logs import reaches
from tidegate.judge.metric import MetricEvidence
from tidegate.judge.promotion import NoHarm, requests_needed, smallest_harm_found
from tidegate.judge.queries import Outcome, QueryResult
from tidegate.judge.rules import Metric, Rules
from tidegate.judge.state import Evidence
from tidegate.judge.text import bad_share, bad_shares, duration, metric_name, of_line, percent

HOLD_LINE = 10.0
"""E-value of harm, or of being over the limit, from which nothing rises."""
LARGEST_BURST = 10.0
MUCH_LESS = math.log(10.0)
"""In log E: a metric that adds less than a tenth of the largest part to the evidence of harm is not named."""
REQUESTS_EXPECTED = 10
IDLE_SECONDS = 60.0


class Kind(StrEnum):
    """What to do with the candidate."""

    Promote = "Promote"
    Rollback = "Rollback"
    Hold = "Hold"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A decision for people and for the planner.

    Parameters
    ----------
    reason
        One CamelCase word.
    message
        The numbers it rests on.
    retreat
        Whether a Hold also takes the weight back to the first one.
    """

    kind: Kind
    reason: str
    message: str
    retreat: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is judged.

    Parameters
    ----------
    weight
        The candidate's share of the route in force, 0 to 1.
    uncounted
        Why the latest samples could not be counted, None if they could.
    in_flight
        Whether requests are known to be under way to the candidate.
    queries
        Latest result of each user query.
    at_last_weight
        Whether the weight is the plan's last.
    bake_seconds_left
        Judged seconds the candidate still has to serve at its last weight.
    rate
        Requests a second on the route, for expected times; 0 where they are not told.
    no_harm
        What promotion without proof takes; None where proof is asked for.
    latency_note
        Why latency is not compared with stable's, or not counted; empty where it is.
    """

    evidence: Evidence
    rules: Rules
    weight: float
    uncounted: Uncountable | None = None
    in_flight: bool = False
    queries: tuple[QueryResult, ...] = ()
    at_last_weight: bool = False
    bake_seconds_left: float = 0.0
    rate: float = 0.0
    no_harm: NoHarm | None = None
    latency_note: str = ""

    @property
    def proven(self) -> bool:
        """Whether the candidate is shown to be good enough by every metric that can show it."""
        return all(reaches(log_e, self.rules.promotion_line) for log_e in self.evidence.log_proofs.values())

    @property
    def by_proof(self) -> bool:
        """Whether proof is what promotes it."""
        return self.no_harm is None or (self.no_harm.or_proof and self.proven)


Rule = Callable[[Case], Verdict | None]


def judge(case: Case) -> Verdict:
    """Roll back, hold, or promote: the first rule that has something to say decides."""
    return _first(ROLLBACKS + HOLDS + NOT_PROMOTED_YET, case) or _promotion(case)


def why_not_rise(case: Case) -> Verdict | None:
    """What speaks against a higher weight now; None if nothing does."""
    return _first(ROLLBACKS + HOLDS, case)


def alone(case: Case) -> Verdict | None:
    """What speaks against a revision that runs beside none: the user's own queries and limit, nothing statistical."""
    return query_failed(case) or over_limit(case)


def _first(rules: Sequence[Rule], case: Case) -> Verdict | None:
    return next((verdict for rule in rules if (verdict := rule(case)) is not None), None)


def harmful(case: Case) -> Verdict | None:
    """Harm is proven and material: the mean of what the metrics say reaches the line."""
    evidence, line = case.evidence, case.rules.harm_line
    if not evidence.harmful(case.rules):
        return None
    parts = {metric: found.log_part(line) for metric, found in evidence.metrics.items()}
    to_blame = [metric for metric, part in parts.items() if part >= max(parts.values()) - MUCH_LESS]
    shares = "; ".join(_shares(case, metric) for metric in to_blame)
    message = f"{shares}; evidence of harm {of_line(evidence.log_harm(case.rules), line)}"
    return Verdict(Kind.Rollback, "Harm", message)


def query_failed(case: Case) -> Verdict | None:
    """A user query was out of its bounds as often in a row as the user allows."""
    for result in case.queries:
        failures = case.evidence.query_failures.get(result.query.name, 0)
        if failures >= result.query.failures:
            message = f"query {result.query.name} failed {failures} times in a row; the last answer: {result.message}"
            return Verdict(Kind.Rollback, "QueryFailed", message)
    return None


def not_measured(case: Case) -> Verdict | None:
    """The metrics source did not answer, or the gateway is not scraped."""
    if case.uncounted is None:
        return None
    return _hold(case.uncounted.reason, case.uncounted.message)


def not_counted_yet(case: Case) -> Verdict | None:
    """No interval was counted at this weight."""
    if case.evidence.intervals_at_weight > 0:
        return None
    return _hold("NotYetCounted", f"no interval is over yet at weight {percent(case.weight)}")


def no_traffic(case: Case) -> Verdict | None:
    """Nobody asks, or the candidate should have finished requests by now and has not."""
    requests = case.evidence.at_weight
    if requests.finished == 0:
        return _hold("NoTraffic", "no request finished on the route since this weight came in force")
    expected = case.weight * requests.finished
    if expected >= REQUESTS_EXPECTED and requests.candidate.finished == 0:
        message = f"the candidate finished none of about {expected:,.0f} requests expected at {percent(case.weight)}"
        return _hold("NoTraffic", message, retreat=case.in_flight)
    if case.evidence.idle_seconds >= IDLE_SECONDS:
        return _hold("NoTraffic", f"no request finished on the route for {case.evidence.idle_seconds:,.0f} s")
    return None


def above_limit(case: Case) -> Verdict | None:
    """Over the user's limit without proof that the candidate is to blame."""
    for metric, found, limit in _over_their_limits(case):
        message = (
            f"{_shares(case, metric)}; over the limit of {percent(limit)}, not attributable to the candidate yet"
            f"{_note(case, metric)}; ends after {found.hold_intervals} clean intervals"
        )
        return _hold("AboveLimit", message, retreat=not _soon_told(case, metric))
    return None


def _soon_told(case: Case, metric: Metric) -> bool:
    """Whether the next interval or two may prove harm, which a lower weight would put off.

    At another weight the loads differ, and latency could no longer be compared; and after every decrease nothing is
    counted for the route's timeout.
    """
    if metric is Metric.Latency:
        return not case.latency_note
    return _suspected(case.evidence.metrics[metric])


def over_limit(case: Case) -> Verdict | None:
    """Over the user's limit, whoever is to blame: nobody to compare with is left."""
    for metric, found, limit in _over_their_limits(case):
        shares = f"{_name(case, metric)}: {bad_share(found.total.candidate)}"
        return Verdict(Kind.Rollback, "AboveLimit", f"{shares}, over the limit of {percent(limit)}")
    return None


def _over_their_limits(case: Case) -> Iterator[tuple[Metric, MetricEvidence, float]]:
    for metric, found in case.evidence.metrics.items():
        limit = case.rules.limit_of(metric)
        if found.hold_intervals > 0 and limit is not None:
            yield metric, found, limit


def bursty_errors(case: Case) -> Verdict | None:
    """Stable's bad requests come in such bursts that little can be learnt towards a promotion."""
    for metric, found in case.evidence.metrics.items():
        factor = found.burst.value
        if found.noninferiority is not None and factor > LARGEST_BURST:
            message = f"stable's come in bursts, {factor:.1f} times the spread of independent ones"
            return _hold("BurstyErrors", f"{_name(case, metric)}: {message}", retreat=True)
    return None


def too_little_evidence(case: Case) -> Verdict | None:
    """Suspicion that is no proof; harm that surely does not matter is none."""
    for metric, found in case.evidence.metrics.items():
        if evidence := _suspicion(found, case.rules.harm_line):
            return _hold("TooLittleEvidence", f"{_shares(case, metric)}; {evidence}: nothing rises on a suspicion")
    return None


def _suspicion(found: MetricEvidence, line: float) -> str:
    if found.above is not None and reaches(found.above.log_e, HOLD_LINE):
        return f"evidence of being over the limit {of_line(found.above.log_e, line)}"
    if not _suspected(found) or not reaches(found.material.log_e, 1.0):
        return ""
    held_down = ", held down as all of it comes from one interval" if found.harm.capped else ""
    return f"evidence of harm {of_line(found.harm.log_e, line / found.weight)}{held_down}"


def _suspected(found: MetricEvidence) -> bool:
    return found.harm.capped or reaches(found.harm.log_e, HOLD_LINE)


def query_without_answer(case: Case) -> Verdict | None:
    """A user query gave an error, no data, or a failure that is not the last one allowed."""
    reasons = {Outcome.Error: "QueryError", Outcome.NoData: "QueryNoData", Outcome.Fail: "QueryFailing"}
    for outcome, reason in reasons.items():
        for result in case.queries:
            if result.outcome is outcome:
                return _hold(reason, f"query {result.query.name}: {result.message}")
    return None


def more_weights(case: Case) -> Verdict | None:
    """The plan has higher weights to come."""
    if case.at_last_weight:
        return None
    return _hold("MoreWeights", f"{_errors(case)}; weight {percent(case.weight)} is not the last one")


def baking(case: Case) -> Verdict | None:
    """The candidate has not served long enough at its last weight."""
    if case.bake_seconds_left <= 0.0:
        return None
    return _hold("Baking", f"{_errors(case)}; {case.bake_seconds_left:,.0f} s to serve at the last weight")


def not_yet_proven(case: Case) -> Verdict | None:
    """The candidate is not shown to be good enough."""
    if case.proven or not case.by_proof:
        return None
    metric, log_e = min(case.evidence.log_proofs.items(), key=lambda found: found[1])
    evidence = f"evidence for promotion {of_line(log_e, case.rules.promotion_line)}"
    return _hold("NotYetProven", f"{_shares(case, metric)}; {evidence}{_to_go(case, metric)}{_note(case, metric)}")


def _to_go(case: Case, metric: Metric) -> str:
    if not 0.0 < case.weight < 1.0 or case.evidence.metrics[metric].total.stable.finished == 0:
        return ""
    alike = metric is not Metric.Latency or not case.latency_note
    more = requests_needed(case.evidence.metrics[metric], case.rules, weight=case.weight, alike=alike)
    if more is None:
        return ""
    seconds = f", {duration(more / (case.rate * case.weight))}" if case.rate > 0.0 else ""
    return f"; about {more:,} more requests{seconds}"


def not_long_enough(case: Case) -> Verdict | None:
    """Without proof: not enough requests, or not enough time, without evidence of harm."""
    terms = case.no_harm
    if terms is None or case.by_proof:
        return None
    finished = {metric: found.total.candidate.finished for metric, found in case.evidence.metrics.items()}
    uncounted = next((metric for metric, requests in finished.items() if requests < terms.min_requests), None)
    if terms.long_enough and uncounted is None:
        return None
    metric = uncounted or Metric.Errors
    message = (
        f"{_shares(case, metric)}; no evidence of harm in {min(terms.requests, finished[metric]):,} of "
        f"{terms.min_requests:,} requests and {terms.seconds:,.0f} of {terms.min_seconds:,.0f} s of judged time"
    )
    return _hold("NotLongEnough", f"{message}{_note(case, metric)}")


ROLLBACKS: tuple[Rule, ...] = (harmful, query_failed)
HOLDS: tuple[Rule, ...] = (
    not_measured,
    not_counted_yet,
    no_traffic,
    above_limit,
    bursty_errors,
    too_little_evidence,
    query_without_answer,
)
NOT_PROMOTED_YET: tuple[Rule, ...] = (more_weights, baking, not_yet_proven, not_long_enough)


def _promotion(case: Case) -> Verdict:
    if case.no_harm is not None and not case.by_proof:
        return _without_proof(case, case.no_harm)
    proofs = case.evidence.log_proofs
    evidence = of_line(min(proofs.values()), case.rules.promotion_line)
    shares = "; ".join(_shares(case, metric) for metric in proofs)
    return Verdict(Kind.Promote, "NonInferior", f"{shares}; evidence for promotion {evidence}")


def _without_proof(case: Case, terms: NoHarm) -> Verdict:
    shares = "; ".join(f"{_shares(case, metric)}{_note(case, metric)}" for metric in case.evidence.log_proofs)
    size = smallest_harm_found(case.evidence.errors, case.rules)
    found = "no share of failures" if size is None else f"a candidate that fails {percent(size)}"
    message = (
        f"{shares}; promoted without proof: no evidence of harm in {terms.requests:,} requests and "
        f"{terms.seconds:,.0f} s of judged time. {found[0].upper()}{found[1:]} of them would have been found"
    )
    return Verdict(Kind.Promote, "NoHarm", message)


def _hold(reason: str, message: str, *, retreat: bool = False) -> Verdict:
    return Verdict(Kind.Hold, reason, message, retreat)


def _errors(case: Case) -> str:
    return _shares(case, Metric.Errors)


def _shares(case: Case, metric: Metric) -> str:
    return f"{_name(case, metric)}: {bad_shares(case.evidence.metrics[metric].total)}"


def _name(case: Case, metric: Metric) -> str:
    latency = case.rules.latency
    return metric_name(metric, latency.bound_milliseconds if latency else None, case.evidence.latency_edge)


def _note(case: Case, metric: Metric) -> str:
    return f"; {case.latency_note}" if metric is Metric.Latency and case.latency_note else ""
