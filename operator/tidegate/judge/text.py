"""Numbers the way people read them."""

import math

from tidegate.judge.rules import Metric
from tidegate.judge.strata import Counts, Stratum

LARGEST_SHOWN = 1_000_000


def percent(share: float) -> str:
    """A share as per cent, with as many digits as a small one needs."""
    value = 100.0 * share
    if value == 0.0 or value >= 0.1:
        return f"{value:.1f} %"
    return f"{value:.6f}".rstrip("0").rstrip(".") + " %"


def bad_share(counts: Counts) -> str:
    """For example "30.2 % of 412"."""
    if counts.finished == 0:
        return "no request"
    return f"{percent(counts.bad / counts.finished)} of {counts.finished:,}"


def bad_shares(stratum: Stratum) -> str:
    """Both revisions' shares of bad requests."""
    return f"candidate {bad_share(stratum.candidate)}, stable {bad_share(stratum.stable)}"


def duration(seconds: float) -> str:
    """For example "42 s", "3 min" or "4.7 h"."""
    if seconds < 120.0:
        return f"{seconds:,.0f} s"
    return f"{seconds / 60.0:,.0f} min" if seconds < 7200.0 else f"{seconds / 3600.0:,.1f} h"


def of_line(log_e: float, line: float) -> str:
    """An e-value beside its line, for example "133 of 100"."""
    return f"{_number(log_e)} of {line:,.0f}"


def _number(log_e: float) -> str:
    if log_e > math.log(LARGEST_SHOWN):
        return f"over {LARGEST_SHOWN:,}"
    value = math.exp(log_e)
    if value < 0.01:
        return "under 0.01"
    return f"{value:,.0f}" if value >= 10.0 else f"{value:.2f}"


def metric_name(metric: Metric, bound: float | None = None, edge: float | None = None) -> str:
    """What was counted as bad, for example "latency over 250 ms".

    Parameters
    ----------
    bound, edge
        Milliseconds asked for, and those the histogram can tell; equal, or `edge` is the next one above.
    """
    if metric is not Metric.Latency:
        return {Metric.Errors: "errors", Metric.ClientErrors: "4xx answers"}[metric]
    counted = bound if edge is None else edge
    inexact = "" if edge is None or edge == bound else f" (the histogram's next edge over {bound:g} ms)"
    return f"latency over {counted:g} ms{inexact}"
