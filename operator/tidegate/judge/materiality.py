"""Evidence that the candidate's share of bad requests is large enough for anybody to care."""

from collections.abc import Sequence
from typing import Any, Self

from tidegate.judge.evalue import EValue
from tidegate.judge.fixed_share import deal, redeal
from tidegate.judge.logs import read_float, read_floats, write_float, write_floats
from tidegate.judge.strata import Stratum
from tidegate.judge.threshold import MULTIPLES, checked_share, log_ratios_over


class MaterialityEvidence(EValue):
    """E-value against "the candidate's bad share is at most what may be ignored"; harm counts from 1/alpha on.

    Dealt anew after every interval as the evidence of harm is: without that, a clean hour would have to be outweighed
    before a late failure could count.

    Parameters
    ----------
    ignore_below
        Share of bad requests, over 0 and under 0.999.
    """

    def __init__(self, ignore_below: float = 0.001) -> None:
        self._ignore_below = checked_share(ignore_below)
        self._log_wealth = deal(len(MULTIPLES))

    def update(self, strata: Sequence[Stratum], seconds: float = 15.0) -> float:
        """Take in one interval of so many seconds and return log E after it."""
        cash, *bets = self._log_wealth
        growth = log_ratios_over(strata, self._ignore_below)
        self._log_wealth = redeal([cash, *(bet + ratio for bet, ratio in zip(bets, growth, strict=True))], seconds)
        return self.log_e

    def to_status(self) -> dict[str, Any]:
        return {"ignoreBelow": write_float(self._ignore_below), "logWealth": write_floats(self._log_wealth)}

    @classmethod
    def from_status(cls, status: dict[str, Any]) -> Self:
        """Inverse of `to_status`, exact to the last digit."""
        evidence = cls(read_float(status["ignoreBelow"]))
        evidence._log_wealth = read_floats(status["logWealth"], length=len(MULTIPLES) + 1)
        return evidence
