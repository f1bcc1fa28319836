"""A proxy's series sorted into the roles the judge counts by."""

import math
from collections.abc import Iterable, Mapping, Sequence

from tidegate.gateways.profiles import GatewayProfile, Histogram
from tidegate.judge.samples import Series, SlotSeries

NO_LABELS: Mapping[str, str] = {}


def slot_series(
    profile: GatewayProfile, series: Iterable[Series], backend: str, edge: float | None = None
) -> SlotSeries:
    """Those of one backend, by role.

    Parameters
    ----------
    backend
        Its value of the profile's `backend_label`.
    edge
        Where the bucket ends (milliseconds) that requests in time are counted by; None where that is not known.
    """
    mine = [item for item in series if item.labels.get(profile.backend_label) == backend]

    def named(names: Sequence[str], labels: Mapping[str, str] = NO_LABELS) -> tuple[Series, ...]:
        return tuple(
            item for item in mine if item.labels["__name__"] in names and labels.items() <= item.labels.items()
        )

    histogram = profile.latency
    in_time = [] if histogram is None else named([histogram.buckets])
    return SlotSeries(
        finished=named([profile.finished]),
        errors=named([profile.errors], profile.errors_labels),
        abandoned=named(profile.abandoned),
        timeouts=named(profile.timeouts),
        client_errors=named([profile.client_errors], profile.client_errors_labels),
        timed=() if histogram is None else named([histogram.count]),
        in_time=tuple(item for item in in_time if histogram and edge is not None and _edge(histogram, item) == edge),
        in_flight=named([profile.in_flight]),
    )


def edge_for(profile: GatewayProfile, series: Iterable[Series], bound: float) -> float | None:
    """The histogram's edge at `bound` (milliseconds), or the next one above; None where none is seen."""
    histogram = profile.latency
    if histogram is None:
        return None
    edges = (_edge(histogram, item) for item in series if item.labels["__name__"] == histogram.buckets)
    return min((edge for edge in edges if bound <= edge < math.inf), default=None)


def _edge(histogram: Histogram, item: Series) -> float:
    try:
        return round(float(item.labels[histogram.edge_label]) * histogram.milliseconds, 6)
    except (KeyError, ValueError):
        return math.inf
