"""The numbers a rollout is judged by: fixed at its start."""

import math
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

IGNORED_WITHOUT_LIMIT = 0.001
IGNORED_PART_OF_LIMIT = 0.1


class Metric(StrEnum):
    """What a request can be bad by."""

    Errors = "errors"
    Latency = "latency"
    ClientErrors = "clientErrors"


PARTS = {Metric.Errors: 2, Metric.Latency: 1, Metric.ClientErrors: 1}


def weights(metrics: Collection[Metric]) -> dict[Metric, float]:
    """Share of alpha of each metric: 1/2, 1/4, 1/4 of all three, in the same proportion where one is not judged."""
    whole = sum(PARTS[metric] for metric in metrics)
    return {metric: PARTS[metric] / whole for metric in Metric if metric in metrics}


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """What is too slow, and how much of it.

    Parameters
    ----------
    bound_milliseconds
        Requests that take longer count as bad.
    limit
        The user's largest share of them.
    ignore_below
        Share of them nobody is woken for; a tenth of the limit if None.
    """

    bound_milliseconds: float
    limit: float = 0.01
    ignore_below: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Parameters of the judge.

    Parameters
    ----------
    alpha
        Most rollouts of a harmless candidate that may be rolled back, as a share.
    beta
        Most rollouts of a candidate worse than allowed that may be promoted, as a share.
    tolerate
        Odds ratio of bad requests that is still harmless, at least 1.
    below
        Odds ratio a candidate has to stay under to be promoted, over 1.
    limit
        The user's largest share of bad requests; None for none.
    ignore_below
        Share of bad requests nobody is woken for; a tenth of the limit, or 0.1 % without one, if None.
    latency
        What is too slow; None where latency is not judged.
    client_errors
        Whether 4xx answers are compared.

    Raises
    ------
    ValueError
        If alpha or beta is not between 0 and 1. The other numbers are checked by the evidence they go to.
    """

    alpha: float = 0.01
    beta: float = 0.05
    tolerate: float = 1.25
    below: float = 2.0
    limit: float | None = 0.01
    ignore_below: float | None = None
    latency: Latency | None = None
    client_errors: bool = False

    def __post_init__(self) -> None:
        for name, rate in (("alpha", self.alpha), ("beta", self.beta)):
            if not 0.0 < rate < 1.0:
                raise ValueError(f"found {name}={rate}; expected a share over 0 and under 1")

    @property
    def harm_line(self) -> float:
        """E-value at which harm is proven."""
        return 1.0 / self.alpha

    @property
    def promotion_line(self) -> float:
        """E-value at which the candidate is proven good enough."""
        return 1.0 / self.beta

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What is judged."""
        judged = {
            Metric.Errors: True,
            Metric.Latency: self.latency is not None,
            Metric.ClientErrors: self.client_errors,
        }
        return tuple(metric for metric in Metric if judged[metric])

    def harm_cap(self, weight: float) -> float:
        """Most growth of log E of a metric with so much of alpha in one interval: no single one can roll back."""
        return math.log(self.harm_line / weight) / 2.0

    def limit_of(self, metric: Metric) -> float | None:
        """The user's largest share of what is bad by `metric`; 4xx answers have none."""
        if metric is Metric.Latency:
            return None if self.latency is None else self.latency.limit
        return self.limit if metric is Metric.Errors else None

    def ignored_share_of(self, metric: Metric) -> float:
        """Share of what is bad by `metric` up to which harm does not count."""
        ignored = {
            Metric.Errors: self.ignore_below,
            Metric.Latency: None if self.latency is None else self.latency.ignore_below,
        }.get(metric)
        limit = self.limit_of(metric)
        if ignored is not None:
            return ignored
        return IGNORED_WITHOUT_LIMIT if limit is None else limit * IGNORED_PART_OF_LIMIT
