"""Raw samples of the gateway's proxies as the metrics client hands them over."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

Sample = tuple[float, float]
"""Time in seconds, value."""
ProxyKey = Callable[[Mapping[str, str]], str]

STALE_AFTER_SCRAPES = 2.0
"""A proxy that was not scraped for so many of its own scrape intervals is not up."""


@dataclass(frozen=True, slots=True)
class Series:
    """One series of a raw range selector, its labels including those of the scrape target."""

    labels: Mapping[str, str]
    samples: Sequence[Sample]


@dataclass(frozen=True, slots=True)
class SlotSeries:
    """The counters of one revision's backend, by role; series of one role are added up.

    Parameters
    ----------
    finished
        Requests that got an answer.
    errors
        Answers that were errors.
    abandoned
        Requests the proxy broke off, by any metric that tells.
    timeouts
        Those of them it broke off for its own timeouts: they are answered by an error already.
    client_errors
        Answers that put the blame on the client.
    timed, in_time
        Requests whose time to the answer was taken, and those of them that took no longer than the bound: both of one
        histogram.
    in_flight
        Requests under way, a gauge.
    """

    finished: Sequence[Series] = ()
    errors: Sequence[Series] = ()
    abandoned: Sequence[Series] = ()
    timeouts: Sequence[Series] = ()
    client_errors: Sequence[Series] = ()
    timed: Sequence[Series] = ()
    in_time: Sequence[Series] = ()
    in_flight: Sequence[Series] = ()

    @property
    def _roles(self) -> tuple[Sequence[Series], ...]:
        counters = (self.finished, self.errors, self.abandoned, self.timeouts)
        return (*counters, self.client_errors, self.timed, self.in_time, self.in_flight)

    def __iter__(self) -> Iterator[Series]:
        for role in self._roles:
            yield from role

    def where(self, keep: Callable[[Series], bool]) -> "SlotSeries":
        """Only the series for which `keep` is true, roles as they are."""
        return SlotSeries(*(tuple(filter(keep, role)) for role in self._roles))


@dataclass(frozen=True, slots=True)
class ProxySamples:
    """Everything known of one proxy pod.

    Parameters
    ----------
    proxy
        namespace/pod; empty for series that do not name their pod, which are never counted.
    up
        Its `up` series, or those of a gauge the proxy shows in every scrape with value 1; one per scrape target:
        several if two jobs or two servers scrape the pod. Labels that tell targets apart must be on the counters too.
    candidate, stable
        Counters of both backends, fetched at the same evaluation time over the same range as `up`.
    """

    proxy: str
    up: Sequence[Series]
    candidate: SlotSeries
    stable: SlotSeries


def namespace_and_pod(labels: Mapping[str, str]) -> str:
    """namespace/pod from the labels of a scrape target; empty if one is missing."""
    namespace, pod = labels.get("namespace"), labels.get("pod")
    return f"{namespace}/{pod}" if namespace and pod else ""


def group_by_proxy(
    up: Iterable[Series], candidate: SlotSeries, stable: SlotSeries, key: ProxyKey = namespace_and_pod
) -> tuple[ProxySamples, ...]:
    """Sort the series of all proxies by proxy.

    Parameters
    ----------
    up, candidate, stable
        Series of all proxies.
    key
        Names the proxy a series belongs to.
    """
    targets: dict[str, list[Series]] = defaultdict(list)
    for series in up:
        targets[key(series.labels)].append(series)
    proxies = {key(series.labels) for slot in (candidate, stable) for series in slot} | set(targets)

    def of(proxy: str, slot: SlotSeries) -> SlotSeries:
        return slot.where(lambda series: key(series.labels) == proxy)

    return tuple(
        ProxySamples(proxy, tuple(targets[proxy]), of(proxy, candidate), of(proxy, stable)) for proxy in sorted(proxies)
    )


def scrape_times(proxies: Iterable[ProxySamples]) -> list[float]:
    """Times of all successful scrapes, ascending."""
    return sorted(moment for proxy in proxies for target in proxy.up for moment in successful(target))


def successful(up: Series) -> list[float]:
    """Times at which an `up` series says that the target was scraped."""
    return [moment for moment, value in up.samples if value == 1.0]


def stands_still(proxies: Sequence[ProxySamples], since: float) -> bool | None:
    """Whether no proxy's candidate counters moved between its last two scrapes; None where that cannot be told.

    Counters that are gone stand still: a proxy drops those of a backend it no longer has.

    Parameters
    ----------
    since
        Only scrapes from then on (seconds) tell anything.
    """
    newest = max(scrape_times(proxies), default=0.0)
    pairs = [_last_two(proxy, newest) for proxy in proxies]
    if not pairs or any(pair is None or pair[0] < since for pair in pairs):
        return None
    return not any(
        _moved(series, *pair)
        for proxy, pair in zip(proxies, pairs, strict=True)
        if pair is not None
        for series in proxy.candidate.finished
    )


def _last_two(proxy: ProxySamples, newest: float) -> tuple[float, float] | None:
    """The proxy's last two scrapes; None where there are none, or where it has not been scraped for a while."""
    scrapes = scrape_times([proxy])[-2:]
    if len(scrapes) < 2 or newest - scrapes[1] > STALE_AFTER_SCRAPES * (scrapes[1] - scrapes[0]):
        return None
    return scrapes[0], scrapes[1]


def _moved(series: Series, before: float, after: float) -> bool:
    values = dict(series.samples)
    return after in values and values[after] != values.get(before, 0.0)
