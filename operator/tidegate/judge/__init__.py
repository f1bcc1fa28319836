"""The judge: counts from raw samples, running evidence, verdict. Pure: no time, randomness, logging or I/O."""

from tidegate.judge.harm import HarmEvidence
from tidegate.judge.noninferiority import NonInferiorityEvidence
from tidegate.judge.strata import Counts, Stratum
from tidegate.judge.threshold import ThresholdEvidence

__all__ = ["Counts", "HarmEvidence", "NonInferiorityEvidence", "Stratum", "ThresholdEvidence"]
