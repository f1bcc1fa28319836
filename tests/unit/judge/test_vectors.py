"""Every evidence against values computed independently of this code."""

import json
from pathlib import Path
from typing import Any

import pytest

from tidegate.judge import Counts, HarmEvidence, NonInferiorityEvidence, Stratum, ThresholdEvidence

AS_SPECIFIED = (0.25, 0.25, 1 / 6, 1 / 6, 1 / 6, 0.0)
"""Both parts equal, and nothing bet on stable's share."""
CASES: list[dict[str, Any]] = json.loads(Path(__file__).with_name("vectors.json").read_text())["cases"]


def strata_of(interval: dict[str, Any]) -> list[Stratum]:
    return [Stratum(Counts(*candidate), Counts(*stable)) for candidate, stable in interval["strata"]]


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_every_interval_of_every_case_agrees(case: dict[str, Any]) -> None:
    harm = HarmEvidence(case["tolerate"], case["cap"])
    above = ThresholdEvidence(case["limit"])
    noninferiority = NonInferiorityEvidence(case["below"], case["limit"], split=AS_SPECIFIED)
    for interval in case["intervals"]:
        strata = strata_of(interval)
        assert harm.update(strata, burst=case["burst"]) == pytest.approx(interval["log_e_harm"], abs=1e-6)
        assert above.update(strata) == pytest.approx(interval["log_e_above"], abs=1e-6)
        log_e = noninferiority.update(strata, burst=case["burst"])
        assert log_e == pytest.approx(interval["log_e_noninferior"], abs=1e-6)
