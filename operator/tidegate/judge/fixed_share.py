"""Wealth split between cash and bets, dealt anew a little after every interval (Herbster and Warmuth 1998).

The re-deal keeps an e-process able to answer to a change that comes late: no bet can be lost for ever.
"""

import math
from collections.abc import Sequence

from tidegate.judge.logs import log_sum

CASH = 0.5
KEPT_PER_BASE = 0.99
BASE_SECONDS = 15.0


def deal(bets: int) -> tuple[float, ...]:
    """Log wealth at the start: half in cash, the rest in equal bets; sums to 1."""
    return (math.log(CASH), *[math.log((1.0 - CASH) / bets)] * bets)


def redeal(log_wealth: Sequence[float], seconds: float) -> tuple[float, ...]:
    """Move 1 % per 15 s of the whole back to the shares of the start; the sum stays the same.

    Parameters
    ----------
    log_wealth
        Cash first, then the bets.
    seconds
        Length of the interval, over 0.
    """
    if not seconds > 0.0:
        raise ValueError(f"found an interval of {seconds} s; expected more than 0")
    log_kept = seconds / BASE_SECONDS * math.log(KEPT_PER_BASE)
    log_moved = math.log(-math.expm1(log_kept)) + log_sum(log_wealth)
    shares = deal(len(log_wealth) - 1)
    return tuple(
        log_sum((log_kept + value, log_moved + share)) for value, share in zip(log_wealth, shares, strict=True)
    )
