"""Measurements of the operator: load, scale and the judge's error rates. Not part of the installed package."""
