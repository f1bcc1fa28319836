"""What cannot be done."""


class CommandError(Exception):
    """One sentence: what was found, what was expected, and what to try next."""
