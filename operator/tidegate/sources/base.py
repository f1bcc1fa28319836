"""What every source answers."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """How one model artifact is named and mounted.

    Attributes
    ----------
    description
        The artifact as a person would name it, e.g. ``image registry/filetype:3.3``; shown in status.
    volume
        The pod volume that holds the files, without its name.
    sub_path
        Path inside the volume of the model directory; empty for the volume's root.
    """

    description: str
    volume: dict[str, Any]
    sub_path: str = ""
