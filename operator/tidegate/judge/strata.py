"""Counts of finished and bad requests: what every evidence in this package is fed with."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Counts:
    """Requests of one revision.

    Parameters
    ----------
    finished
        Requests that ended, well or badly.
    bad
        Those among them that failed or were abandoned.

    Raises
    ------
    ValueError
        If a number is negative or more are bad than finished.
    """

    finished: int
    bad: int

    def __post_init__(self) -> None:
        if not 0 <= self.bad <= self.finished:
            raise ValueError(f"found finished={self.finished}, bad={self.bad}; expected 0 <= bad <= finished")

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.finished + other.finished, self.bad + other.bad)


NO_REQUESTS = Counts(0, 0)


@dataclass(frozen=True, slots=True)
class Stratum:
    """Both revisions behind one proxy pod in one interval with constant weights."""

    candidate: Counts
    stable: Counts

    @property
    def finished(self) -> int:
        """Finished requests of both revisions."""
        return self.candidate.finished + self.stable.finished

    @property
    def bad(self) -> int:
        """Bad requests of both revisions."""
        return self.candidate.bad + self.stable.bad

    @property
    def comparable(self) -> bool:
        """Whether both revisions finished something here."""
        return self.candidate.finished > 0 and self.stable.finished > 0

    def __add__(self, other: "Stratum") -> "Stratum":
        return Stratum(self.candidate + other.candidate, self.stable + other.stable)


EMPTY = Stratum(NO_REQUESTS, NO_REQUESTS)


def write_stratum(stratum: Stratum) -> dict[str, dict[str, int]]:
    """JSON-safe form."""
    return {
        "candidate": {"finished": stratum.candidate.finished, "bad": stratum.candidate.bad},
        "stable": {"finished": stratum.stable.finished, "bad": stratum.stable.bad},
    }


def read_stratum(status: Mapping[str, Any]) -> Stratum:
    """Inverse of `write_stratum`."""
    return Stratum(
        *(Counts(int(status[slot]["finished"]), int(status[slot]["bad"])) for slot in ("candidate", "stable"))
    )


def pooled(strata: Iterable[Stratum]) -> Stratum:
    """Sum of the strata: fit for totals in messages and for one revision alone, never for comparing the two."""
    return sum(strata, EMPTY)
