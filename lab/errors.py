"""The one error of the lab."""


class LabError(Exception):
    """Something the lab needs is missing or failed; the message says what was found, expected, and what to do."""
