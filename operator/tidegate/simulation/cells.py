"""Counts of one cell in every run."""

from dataclasses import dataclass

import numpy as np

from tidegate.simulation.arrays import Columns, Flags, Floats, Ints


@dataclass
class Cells(Columns):
    """Finished and bad requests of both revisions; arrays of shape (strata, runs), one stratum per proxy pod."""

    candidate_finished: Ints
    candidate_bad: Ints
    stable_finished: Ints
    stable_bad: Ints

    @classmethod
    def none(cls, runs: int) -> "Cells":
        """No requests, of shape (runs)."""
        return cls(*(np.zeros(runs, dtype=np.int64) for _ in range(4)))

    @property
    def finished(self) -> Ints:
        """Finished requests of both revisions."""
        return self.candidate_finished + self.stable_finished

    @property
    def bad(self) -> Ints:
        """Bad requests of both revisions."""
        return self.candidate_bad + self.stable_bad

    @property
    def comparable(self) -> Flags:
        """Strata in which both revisions finished something."""
        return (self.candidate_finished > 0) & (self.stable_finished > 0)

    @property
    def pooled(self) -> "Cells":
        """Sum of the strata: fit for one revision alone, never for comparing the two."""
        return Cells(*(array.sum(axis=0) for array in self._arrays))

    def only(self, runs: Flags | Ints) -> "Cells":
        """Some of the runs."""
        return Cells(*(array[..., runs] for array in self._arrays))

    def where(self, runs: Flags) -> "Cells":
        """The same counts in these runs, none in others."""
        return Cells(*(array * runs for array in self._arrays))

    def __add__(self, other: "Cells") -> "Cells":
        pairs = zip(self._arrays, other._arrays, strict=True)
        return Cells(*(mine + theirs for mine, theirs in pairs))

    @property
    def _arrays(self) -> tuple[Ints, Ints, Ints, Ints]:
        return self.candidate_finished, self.candidate_bad, self.stable_finished, self.stable_bad


def share(bad: Ints, finished: Ints) -> Floats:
    """Share of bad requests, 0 where none finished."""
    found: Floats = bad / (finished + (finished == 0))
    return found
