"""What cannot be done."""

DID_NOT_HAPPEN, MISTAKE, TIME_IS_UP, WAITS_FOR_A_PERSON = 1, 2, 3, 4
"""Exit codes."""


class CommandError(Exception):
    """One sentence: what was found, what was expected, and what to try next.

    Attributes
    ----------
    code
        Exit code of the program.
    """

    def __init__(self, sentence: str, *, code: int = MISTAKE) -> None:
        super().__init__(sentence)
        self.code = code


class NoAnswerError(CommandError):
    """The cluster did not answer: the same call may succeed a moment later."""
