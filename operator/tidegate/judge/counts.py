"""Counts of one cell from raw counter samples, exact up to the last scrape.

Never extrapolated: per series the differences of consecutive samples are added, a fall is a restart from zero, and a
series that appears although its target was scraped before stood at zero. Both revisions are read from the same scrapes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from tidegate.judge.grid import LOOK_BEHIND_SECONDS, Cell
from tidegate.judge.rules import Metric
from tidegate.judge.samples import ProxySamples, Series, SlotSeries, successful
from tidegate.judge.strata import Counts, Stratum


class ProblemKind(StrEnum):
    """What can be wrong with the samples of one proxy."""

    DuplicateSeries = "DuplicateSeries"
    NotScraped = "NotScraped"
    UnmatchedHistogram = "UnmatchedHistogram"
    UnnamedProxy = "UnnamedProxy"
    UnusableSample = "UnusableSample"
    UnmatchedSample = "UnmatchedSample"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something to tell people; what could be counted was counted."""

    kind: ProblemKind
    proxy: str
    message: str


@dataclass(frozen=True, slots=True)
class CellCounts:
    """What was counted in one cell.

    Parameters
    ----------
    strata
        Failed requests, one stratum per proxy that was scraped twice.
    problems
        What was wrong with any proxy.
    others
        Strata of the other metrics likewise; a proxy that could not be counted by one of them has none there.
    in_flight
        Whether requests were under way to the candidate at the end.
    """

    strata: tuple[Stratum, ...]
    problems: tuple[Problem, ...] = ()
    others: Mapping[Metric, tuple[Stratum, ...]] = field(default_factory=dict)
    in_flight: bool = False

    def of(self, metric: Metric) -> tuple[Stratum, ...]:
        """Strata of one metric."""
        return self.strata if metric is Metric.Errors else self.others.get(metric, ())


@dataclass(frozen=True, slots=True)
class Uncountable:
    """Why there are no counts; `reason` is NoMetrics or MetricsUnavailable."""

    reason: str
    message: str
    problems: tuple[Problem, ...] = ()


def count_cell(proxies: Sequence[ProxySamples], cell: Cell) -> CellCounts | Uncountable:
    """Finished and bad requests of both revisions per proxy in one cell, by every metric.

    Samples are needed from five minutes before the cell to its end; more do not change the result.
    """
    counted: list[_Counted] = []
    problems: list[Problem] = []
    for proxy in proxies:
        one, found = _count_proxy(proxy, cell)
        problems += found
        counted += [] if one is None else [one]
    if counted:
        return CellCounts(
            strata=tuple(one.errors for one in counted),
            problems=tuple(problems),
            others={
                Metric.Latency: tuple(one.latency for one in counted if one.latency is not None),
                Metric.ClientErrors: tuple(one.client_errors for one in counted),
            },
            in_flight=any(one.in_flight for one in counted),
        )
    told = "; ".join(f"{problem.proxy}: {problem.message}" for problem in problems[:3])
    message = f"none of {len(proxies)} proxies was scraped twice; {told or 'check that the gateway is scraped'}"
    return Uncountable("NoMetrics", message, tuple(problems))


def why_not_scraped(scrapes: Iterable[float], evaluation: float, length: float) -> Uncountable | None:
    """NoMetrics if the last successful scrape of any proxy is older than two cells at the evaluation time."""
    latest = max((moment for moment in scrapes if moment <= evaluation), default=None)
    if latest is None:
        return Uncountable("NoMetrics", "no proxy of the gateway was scraped; check that the gateway is scraped")
    age = evaluation - latest
    if age <= 2.0 * length:
        return None
    return Uncountable("NoMetrics", f"the last scrape of the gateway's proxies is {age:.0f} s old")


def why_not_over(start: float, evaluation: float, length: float) -> Uncountable | None:
    """NoMetrics if no cell came to its end for three cells: the proxies' samples of that time are not to be had."""
    age = evaluation - start
    if age <= 3.0 * length:
        return None
    return Uncountable("NoMetrics", f"the last scrapes are there, those of the {age:.0f} s before are not")


@dataclass(frozen=True, slots=True)
class _Counted:
    """Counts of one proxy; no latency where its histogram cannot be used."""

    errors: Stratum
    client_errors: Stratum
    latency: Stratum | None
    in_flight: bool


def _count_proxy(proxy: ProxySamples, cell: Cell) -> tuple[_Counted | None, list[Problem]]:
    if not proxy.proxy:
        message = "series without the labels that name a proxy pod are not counted; relabel the scrape job"
        return None, [Problem(ProblemKind.UnnamedProxy, "unnamed proxies", message)]
    targets = _targets(proxy)
    target = _scraped_first(targets, cell.start, cell.end)
    if target is None:
        return None, [Problem(ProblemKind.NotScraped, proxy.proxy, f"no successful scrape in {cell.seconds:.0f} s")]
    problems = _duplicates(proxy.proxy, targets, target, cell)
    if unmatched := target.unmatched(cell):
        return None, [*problems, Problem(ProblemKind.UnmatchedSample, proxy.proxy, unmatched)]
    unusable = target.unusable_times(cell)
    if unusable:
        message = f"{len(unusable)} scrapes left out: a counter was not a whole number of at least 0"
        problems.append(Problem(ProblemKind.UnusableSample, proxy.proxy, message))
    unbroken = len(targets) == 1 or _scraped_first(targets, cell.start - cell.length, cell.start) is target
    scrapes = target.scrapes_for(cell, unusable, look_behind=unbroken)
    if len(scrapes) < 2 or scrapes[-1] <= cell.start:
        return None, problems
    counted = _counts_of(target, scrapes, cell.start)
    if counted.latency is None:
        message = "response times not counted: their histogram has no bucket that ends at the bound or above it"
        problems.append(Problem(ProblemKind.UnmatchedHistogram, proxy.proxy, message))
    return counted, problems


@dataclass(frozen=True)
class _Target:
    """One scrape target of a proxy with the series that came from it."""

    up: Series
    candidate: SlotSeries
    stable: SlotSeries

    @property
    def order(self) -> list[tuple[str, str]]:
        return sorted(self.up.labels.items())

    @cached_property
    def scrapes(self) -> list[float]:
        """Times of scrapes; one that shows counters succeeded even where the proxy says that it is going away."""
        shown = {moment for series in self.series for moment, _ in series.samples}
        return sorted({*successful(self.up), *(shown & {moment for moment, _ in self.up.samples})})

    @property
    def series(self) -> list[Series]:
        return [*self.candidate, *self.stable]

    def scraped_in(self, start: float, end: float) -> bool:
        return any(start < moment <= end for moment in self.scrapes)

    def unmatched(self, cell: Cell) -> str:
        """What to say if counters carry times at which the target was not scraped: absence cannot be told then."""
        known = set(self.scrapes)
        first = max(self.scrapes[0], cell.start - LOOK_BEHIND_SECONDS)
        strange = {
            moment for series in self.series for moment, _ in series.samples if first < moment <= cell.end
        } - known
        if not strange:
            return ""
        return (
            f"{len(strange)} samples have timestamps at which `up` shows no scrape; scrape without their own timestamps"
        )

    def unusable_times(self, cell: Cell) -> set[float]:
        """Scrapes of which at least one counter cannot be read: they are left out for all counters alike."""
        return {
            moment
            for series in self.series
            for moment, value in series.samples
            if cell.start - LOOK_BEHIND_SECONDS < moment <= cell.end and not _is_count(value)
        }

    def scrapes_for(self, cell: Cell, unusable: set[float], *, look_behind: bool) -> list[float]:
        """Scrapes whose differences count, the first of them only to start from."""
        behind = cell.start - LOOK_BEHIND_SECONDS if look_behind else cell.start
        first = max(behind, cell.counts_from)
        return [moment for moment in self.scrapes if first <= moment <= cell.end and moment not in unusable]


def _targets(proxy: ProxySamples) -> list[_Target]:
    """Scrape targets in the order of their labels; those that show none of the counters only if no target does."""
    targets = []
    for up in proxy.up:
        mine = _FromTarget(up.labels)
        targets.append(_Target(up, proxy.candidate.where(mine), proxy.stable.where(mine)))
    targets.sort(key=lambda target: target.order)
    return [target for target in targets if target.series] or targets


@dataclass(frozen=True)
class _FromTarget:
    """Whether a series came from the target with these labels: every label they share is equal."""

    labels: Mapping[str, str]

    def __call__(self, series: Series) -> bool:
        shared = (series.labels.keys() & self.labels.keys()) - {"__name__"}
        return all(series.labels[name] == self.labels[name] for name in shared)


def _scraped_first(targets: Sequence[_Target], start: float, end: float) -> _Target | None:
    return next((target for target in targets if target.scraped_in(start, end)), None)


def _duplicates(proxy: str, targets: Sequence[_Target], used: _Target, cell: Cell) -> list[Problem]:
    scraped = [target for target in targets if target.series and target.scraped_in(cell.start, cell.end)]
    if len(scraped) < 2:
        return []
    told = ", ".join(f'{name}="{value}"' for name, value in used.order if name != "__name__")
    message = f"{len(scraped)} scrape targets show this pod; counted once, from {{{told}}}"
    return [Problem(ProblemKind.DuplicateSeries, proxy, message)]


def _counts_of(target: _Target, scrapes: Sequence[float], start: float) -> _Counted:
    candidate, stable = (_Backend(slot, scrapes, start) for slot in (target.candidate, target.stable))
    whole = candidate.has_whole_histogram and stable.has_whole_histogram
    return _Counted(
        errors=Stratum(candidate.errors, stable.errors),
        client_errors=Stratum(candidate.client_errors, stable.client_errors),
        latency=Stratum(candidate.latency, stable.latency) if whole else None,
        in_flight=candidate.in_flight,
    )


@dataclass(frozen=True)
class _Backend:
    """Counts of one backend over the scrapes after `start`.

    A scrape is not atomic: an error may show one scrape before its request does.
    """

    slot: SlotSeries
    scrapes: Sequence[float]
    start: float

    @cached_property
    def errors(self) -> Counts:
        abandoned = max(0, self._grown(self.slot.abandoned) - self._grown(self.slot.timeouts))
        bad = self._grown(self.slot.errors) + abandoned
        return Counts(max(bad, self._grown(self.slot.finished) + abandoned), bad)

    @property
    def client_errors(self) -> Counts:
        bad = self._grown(self.slot.client_errors)
        return Counts(max(bad, self.errors.finished), bad)

    @property
    def latency(self) -> Counts:
        timed = self._grown(self.slot.timed)
        return Counts(timed, max(0, timed - self._grown(self.slot.in_time)))

    @property
    def has_whole_histogram(self) -> bool:
        """Its bucket and its count come in the same scrapes; without that all would seem slow, or none."""
        timed, in_time = (
            {moment for series in role for moment, _ in series.samples if moment in self._scraped}
            for role in (self.slot.timed, self.slot.in_time)
        )
        return timed == in_time

    @property
    def in_flight(self) -> bool:
        return any(dict(series.samples).get(self.scrapes[-1], 0.0) > 0.0 for series in self.slot.in_flight)

    @cached_property
    def _scraped(self) -> frozenset[float]:
        return frozenset(self.scrapes)

    def _grown(self, role: Sequence[Series]) -> int:
        return sum(_increase(dict(series.samples), self.scrapes, self.start) for series in role)


def _increase(values: Mapping[float, float], scrapes: Sequence[float], start: float) -> int:
    """Growth of one counter over the scrapes after `start`."""
    total, before = 0.0, values.get(scrapes[0], 0.0)
    for moment in scrapes[1:]:
        if moment not in values:
            continue
        value = values[moment]
        if moment > start:
            total += value - before if value >= before else value
        before = value
    return int(total)


def _is_count(value: float) -> bool:
    return value >= 0.0 and value % 1.0 == 0.0
