"""Whole rollouts side by side in arrays: the judge, the pace and the planner's rules once more, for figures.

The twin of `tidegate.judge` and `tidegate.rollout`; tests hold it equal to them on the same counts. Nothing in the
operator imports it: it needs numpy.
"""
