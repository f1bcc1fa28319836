"""Measurements of the operator on the full lab. Not part of the installed package."""
