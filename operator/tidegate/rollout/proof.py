"""What promotes a candidate: proof, or no evidence of harm where the traffic is too little for proof."""

from tidegate.api.status import Promotion, RolloutStatus
from tidegate.judge.promotion import NoHarm, requests_needed
from tidegate.judge.rules import Rules
from tidegate.judge.state import Evidence
from tidegate.judge.text import duration, percent
from tidegate.rollout.capacity import WHOLE
from tidegate.rollout.draft import Draft
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
    seconds, expected = _expected(traffic.mean, candidate_weight(draft), evidence, rules)
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


def _expected(rate: float, weight: int, evidence: Evidence, rules: Rules) -> tuple[float | None, str]:
    """Seconds of judged time until proof is to be expected, None for never; and the sentence about it."""
    stable = evidence.total.stable
    share = stable.bad / stable.finished if stable.finished > 0 else 0.0
    proof, burst = evidence.errors.noninferiority, evidence.burst.value
    needed = requests_needed(proof, rules, share=share, weight=weight / WHOLE, burst=burst)
    if needed is None or rate <= 0.0:
        return None, f"proof beside a stable that fails {percent(share)} takes more requests than can be waited for"
    seconds = needed / (rate * weight / WHOLE)
    return seconds, (
        f"proof takes about {needed:,} requests of the candidate, {duration(seconds)} at {rate:,.3g} requests/s"
    )


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
