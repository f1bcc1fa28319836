"""What is simulated: the traffic and how well both revisions answer it, and by what they are judged."""

from dataclasses import dataclass, field, replace

from tidegate.api.spec import Analysis, Rollout
from tidegate.judge.rules import Metric, Rules, weights
from tidegate.rollout.measuring import rules_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """How fast the pods are, and what is too slow.

    Parameters
    ----------
    stable_seconds, candidate_seconds
        Mean service time of a request, without waiting.
    bound_seconds
        Requests that take longer count as slow.
    """

    stable_seconds: float
    candidate_seconds: float
    bound_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Traffic, and the true quality of both revisions.

    Parameters
    ----------
    rps
        Requests a second on the route, both revisions together.
    error_rate, candidate_error_rate
        Shares of bad requests.
    replicas
        Pods of stable; the candidate gets as many as its weight needs.
    scrape_seconds
        Between two scrapes of the gateway's proxies.
    scrape_phase
        From the candidate's entry into the route to a scrape, in seconds; None: another in every run.
    burst
        Mean size of the groups in which failures come; 1 for independent ones.
    latency
        None where latency is not simulated.
    """

    rps: float
    error_rate: float = 0.0
    candidate_error_rate: float = 0.0
    replicas: int = 2
    scrape_seconds: float = 5.0
    scrape_phase: float | None = None
    burst: float = 1.0
    latency: Latency | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """By what a rollout goes and is judged.

    Parameters
    ----------
    rollout
        As in a ModelDeployment; its steps are weights, ramps and timed pauses.
    timeout_seconds
        The route's: after a decrease nothing counts for as long.
    """

    rollout: Rollout = field(default_factory=Rollout)
    timeout_seconds: float = 60.0

    @property
    def analysis(self) -> Analysis:
        """What the candidate is judged by."""
        return self.rollout.analysis

    @property
    def rules(self) -> Rules:
        """The numbers it is judged by."""
        return rules_of(self.analysis)

    def alpha_shares(self, latency: bool) -> dict[Metric, float]:
        """Share of alpha of what is simulated; 4xx answers have theirs, though none is."""
        rules = self.rules if latency else replace(self.rules, latency=None)
        shares = weights(rules.metrics)
        return {metric: share for metric, share in shares.items() if metric is not Metric.ClientErrors}
