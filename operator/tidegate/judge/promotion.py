"""What promotion takes: how many requests a proof needs, and what is claimed where there is none."""

from copy import copy
from dataclasses import dataclass

from tidegate.judge.harm import HarmEvidence
from tidegate.judge.logs import reaches
from tidegate.judge.materiality import MaterialityEvidence
from tidegate.judge.metric import MetricEvidence
from tidegate.judge.rules import Metric, Rules
from tidegate.judge.strata import Counts, Stratum

MOST_REQUESTS = 1 << 20
"""A proof that takes more requests of the candidate than this is not waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoHarm:
    """Promotion without proof: what it takes, and how much of that there is.

    Parameters
    ----------
    min_requests, min_seconds
        Finished requests of the candidate and seconds of judged time at the last weight, without evidence of harm.
    requests, seconds
        Those so far.
    or_proof
        Whether a proof that comes sooner promotes as well.
    """

    min_requests: int
    min_seconds: float
    requests: int
    seconds: float
    or_proof: bool = False

    @property
    def long_enough(self) -> bool:
        """Whether the candidate was without evidence of harm for as long as asked."""
        return self.requests >= self.min_requests and self.seconds >= self.min_seconds


def requests_needed(evidence: MetricEvidence, rules: Rules, *, weight: float, alike: bool = True) -> int | None:
    """Further requests of the candidate until proof is to be expected, where it does as stable does.

    From the growth of this very mixture on the counts to be expected; None where it takes more than `MOST_REQUESTS`.

    Parameters
    ----------
    evidence
        What was gathered so far of one metric.
    weight
        The candidate's share of the requests, over 0 and under 1.
    alike
        Whether it is compared with stable, too.
    """
    stable, proof = evidence.total.stable, evidence.noninferiority
    share = stable.bad / stable.finished if stable.finished > 0 else 0.0

    def proven(requests: int) -> bool:
        after = copy(proof)
        expected = _expected(requests, share, weight)
        if after is None:
            return True
        log_e = after.update([expected], evidence.burst.value, alike=alike, before=stable)
        return reaches(log_e, rules.promotion_line)

    high = 1
    while not proven(high):
        high *= 2
        if high > MOST_REQUESTS:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if proven(middle) else (middle, high)
    return high


def _expected(requests: int, share: float, weight: float) -> Stratum:
    beside = round(requests * (1.0 - weight) / weight)
    return Stratum(Counts(requests, round(requests * share)), Counts(beside, round(beside * share)))


def smallest_harm_found(evidence: MetricEvidence, rules: Rules) -> float | None:
    """Least bad share of the candidate that would have been proven harmful in what was seen; None for none at all."""
    seen, line = evidence.total, rules.harm_line

    def proven(bad: int) -> bool:
        strata = [Stratum(Counts(seen.candidate.finished, bad), seen.stable)]
        harm = HarmEvidence(rules.tolerate)
        material = MaterialityEvidence(rules.ignored_share_of(Metric.Errors))
        found = reaches(harm.update(strata, evidence.burst.value), line / evidence.weight)
        return found and reaches(material.update(strata), line)

    low, high = -1, seen.candidate.finished
    if high == 0 or not proven(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if proven(middle) else (middle, high)
    return high / seen.candidate.finished
