"""What promotes a candidate: proof, or no evidence of harm where the traffic is too little for proof."""

from tidegate.api.status import Promotion, RolloutStatus
from tidegate.judge.metric import MetricEvidence
from tidegate.judge.promotion import NoHarm, requests_needed
from tidegate.judge.rules import Metric, Rules
from tidegate.judge.state import Evidence
from tidegate.judge.text import duration, percent
from tidegate.rollout.capacity import WHOLE
from tidegate.rollout.draft import Draft
from tidegate.rollout.latency import why_not_alike
from tidegate.rollout.pacing import pace_of
from tidegate.rollout.traffic import candidate_weight

KNOWN_REQUESTS = 50.0
KNOWN_SECONDS = 1800.0
"""The traffic is known well enough to choose by once there were so many requests, or after so long."""


def choose_promotion(draft: Draft, rollout: RolloutStatus, evidence: Evidence, rules: Rules) -> None:
    """Decide once, at the last weight, as soon as the traffic is known; say what it is expected to take.

    Until then proof is asked for.
    """
    asked, terms = rollout.plan.analysis.promotion, rollout.plan.analysis.statistics.no_harm
    traffic = pace_of(rollout, candidate_weight(draft)).traffic
    known = traffic.requests >= KNOWN_REQUESTS or traffic.seconds >= KNOWN_SECONDS
    if rollout.promotion is not None or (asked == "Auto" and not known):
        return
    seconds, expected = _expected(draft, traffic.mean, evidence, rules)
    without = (
        f"promoted without proof after {terms.min_requests:,} requests and {terms.min_seconds:,} s of judged time "
        "without evidence of harm"
    )
    limit, spent = rollout.plan.analysis.max_seconds, rollout.judged_milliseconds / 1000
    fits = seconds is not None and spent + max(seconds, rollout.plan.analysis.bake_seconds) <= limit
    if asked == "NonInferior" or (asked == "Auto" and fits):
        rollout.promotion = Promotion(mode="NonInferior", message=f"promoted on proof; {expected}")
    elif asked == "NoHarm":
        rollout.promotion = Promotion(mode="NoHarm", message=f"{without}, as analysis.promotion says")
    else:
        late = f", more than the {limit - spent:,.0f} s left of maxSeconds" if seconds is not None else ""
        rollout.promotion = Promotion(mode="NoHarm", message=f"{without}: {expected}{late}")
    if asked == "Auto":
        draft.tell("PromotionChosen", f"{rollout.revision}: {rollout.promotion.mode}: {rollout.promotion.message}")


def _expected(draft: Draft, rate: float, evidence: Evidence, rules: Rules) -> tuple[float | None, str]:
    """Seconds of judged time until proof is to be expected, None for never; and the sentence about it."""
    weight, slowest, by = candidate_weight(draft) / WHOLE, 0, ""
    for metric in evidence.log_proofs:
        found, compared = evidence.metrics[metric], metric is not Metric.Latency or not why_not_alike(draft)
        if metric is Metric.Latency and evidence.latency_edge is None:
            # No traffic will ever tell: whatever is chosen, nothing is promoted, and the hold says why.
            continue
        needed = requests_needed(found, rules, weight=weight, alike=compared)
        if needed is None or rate <= 0.0:
            return None, _never(found, metric)
        if needed > slowest:
            slowest, by = needed, " of its latency" if metric is Metric.Latency else ""
    seconds = slowest / (rate * weight)
    return seconds, (
        f"proof{by} takes about {slowest:,} requests of the candidate, {duration(seconds)} at {rate:,.3g} requests/s"
    )


def _never(found: MetricEvidence, metric: Metric) -> str:
    fails = "is too slow for" if metric is Metric.Latency else "fails"
    share = percent(found.total.stable.bad / max(1, found.total.stable.finished))
    return f"proof beside a stable that {fails} {share} takes more requests than can be waited for"


def no_harm_terms(rollout: RolloutStatus) -> NoHarm | None:
    """What promotion without proof takes, and how much of it there is; None where proof is asked for."""
    if rollout.promotion is None or rollout.promotion.mode != "NoHarm":
        return None
    terms = rollout.plan.analysis.statistics.no_harm
    return NoHarm(
        min_requests=terms.min_requests,
        min_seconds=terms.min_seconds,
        requests=rollout.bake_requests,
        seconds=rollout.bake_judged_milliseconds / 1000,
        or_proof=rollout.plan.analysis.promotion == "Auto",
    )
