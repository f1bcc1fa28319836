"""What every kind of step answers."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """Whether a step is done, and if not, what it waits for.

    Attributes
    ----------
    done
        The step asks for nothing more; the gates common to all steps still apply.
    reason, message
        What is missing, for conditions and decisions; empty when done.
    rejects
        The candidate has failed the step, and is taken back for `reason`.
    """

    done: bool
    reason: str = ""
    message: str = ""
    rejects: bool = False
