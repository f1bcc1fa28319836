"""The numbers a rollout is judged by: fixed at its start."""

import math
from dataclasses import dataclass

IGNORED_WITHOUT_LIMIT = 0.001
IGNORED_PART_OF_LIMIT = 0.1


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
    def harm_cap(self) -> float:
        """Most growth of log E in one interval: no single interval can roll back."""
        return math.log(self.harm_line) / 2.0

    @property
    def ignored_share(self) -> float:
        """Share of bad requests up to which harm does not count."""
        if self.ignore_below is not None:
            return self.ignore_below
        return IGNORED_WITHOUT_LIMIT if self.limit is None else self.limit * IGNORED_PART_OF_LIMIT
