"""Short spellings of the judge's inputs, and seeded random counts."""

import math
import random
from collections.abc import Iterator, Mapping, Sequence

from hypothesis import settings

from tidegate.judge.counts import CellCounts, count_cell
from tidegate.judge.grid import Cell
from tidegate.judge.samples import ProxySamples, Sample, Series, SlotSeries
from tidegate.judge.strata import Counts, Stratum

FEW_EXAMPLES = settings(max_examples=40, deadline=None)

PROXY = {"namespace": "gateways", "pod": "envoy-0", "job": "envoy", "instance": "10.0.0.1:19001"}


def stratum(candidate: tuple[int, int], stable: tuple[int, int]) -> Stratum:
    return Stratum(Counts(*candidate), Counts(*stable))


def binomial(source: random.Random, trials: int, share: float) -> int:
    """Successes by jumping from one to the next: the work grows with their number."""
    successes, position = 0, -1
    while share > 0.0:
        position += 1 + int(math.log(1.0 - source.random()) / math.log1p(-share))
        if position >= trials:
            break
        successes += 1
    return successes


def outcomes(trials: int, share: float) -> Iterator[tuple[int, float]]:
    """Every number of bad requests among `trials`, with its probability."""
    for bad in range(trials + 1):
        yield bad, math.comb(trials, bad) * share**bad * (1.0 - share) ** (trials - bad)


def draw(source: random.Random, candidate: tuple[int, float], stable: tuple[int, float]) -> Stratum:
    """A stratum from (requests, bad share) of both."""
    return stratum(
        (candidate[0], binomial(source, *candidate)),
        (stable[0], binomial(source, *stable)),
    )


def series(samples: Sequence[Sample] | Mapping[float, float], **labels: str) -> Series:
    pairs = samples.items() if isinstance(samples, Mapping) else samples
    return Series({**PROXY, **labels}, tuple(pairs))


def up(*times: float, down: Sequence[float] = (), **labels: str) -> Series:
    return series(sorted([(moment, 1.0) for moment in times] + [(moment, 0.0) for moment in down]), **labels)


def slot(
    finished: Mapping[float, float] | None = None,
    errors: Mapping[float, float] | None = None,
    abandoned: Mapping[float, float] | None = None,
    timeouts: Mapping[float, float] | None = None,
    *,
    client_errors: Mapping[float, float] | None = None,
    in_flight: Mapping[float, float] | None = None,
    **labels: str,
) -> SlotSeries:
    """One series per role given."""

    def role(samples: Mapping[float, float] | None) -> tuple[Series, ...]:
        return () if samples is None else (series(samples, **labels),)

    return SlotSeries(
        finished=role(finished),
        errors=role(errors),
        abandoned=role(abandoned),
        timeouts=role(timeouts),
        client_errors=role(client_errors),
        in_flight=role(in_flight),
    )


def proxy(targets: Sequence[Series], candidate: SlotSeries, stable: SlotSeries) -> ProxySamples:
    return ProxySamples("gateways/envoy-0", tuple(targets), candidate, stable)


def cell(start: float, end: float, counts_from: float = 0.0, length: float | None = None) -> Cell:
    return Cell(start, end, end - start if length is None else length, counts_from)


def counted(samples: ProxySamples, interval: Cell) -> CellCounts:
    result = count_cell([samples], interval)
    assert isinstance(result, CellCounts), result
    return result
