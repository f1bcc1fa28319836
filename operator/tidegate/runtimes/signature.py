"""What a server says a model takes and gives, and what a client of one would miss at another."""

from collections.abc import Callable
from dataclasses import dataclass

ANY = -1
"""A dimension of any size."""


@dataclass(frozen=True)
class Tensor:
    """One input or output.

    Attributes
    ----------
    shape
        Sizes by dimension, `ANY` for one that varies; the first is the batch's where the model takes batches.
    optional
        An input that a request may leave out.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    optional: bool = False

    def __str__(self) -> str:
        return f"{self.datatype} [{', '.join(str(size) for size in self.shape)}]"


@dataclass(frozen=True)
class Signature:
    """What a model takes and gives.

    Attributes
    ----------
    max_batch_size
        The largest batch; 0 for a model that takes no batches.
    decoupled
        Whether a request may have any number of answers.
    """

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    max_batch_size: int = 0
    decoupled: bool = False


def differences(stable: Signature, candidate: Signature) -> list[str]:
    """What a client of `stable` sends and `candidate` does not take, or reads and does not get; empty for nothing."""
    found = [
        *_missing("input", stable.inputs, candidate.inputs),
        *_required(stable.inputs, candidate.inputs),
        *(_input_changed(before, after) for before, after in _pairs(stable.inputs, candidate.inputs)),
        *_missing("output", stable.outputs, candidate.outputs),
        *(_output_changed(before, after) for before, after in _pairs(stable.outputs, candidate.outputs)),
    ]
    if candidate.max_batch_size < stable.max_batch_size:
        found.append(f"batches of at most {candidate.max_batch_size}, stable takes {stable.max_batch_size}")
    if candidate.decoupled != stable.decoupled:
        told = "any number of answers to a request, stable gives one"
        found.append(told if candidate.decoupled else "one answer to a request, stable gives any number")
    return [difference for difference in found if difference]


def _missing(what: str, before: tuple[Tensor, ...], after: tuple[Tensor, ...]) -> list[str]:
    names = ", ".join(tensor.name for tensor in after) or "none"
    known = {tensor.name for tensor in after}
    return [
        f"no {what} {tensor.name} ({tensor} at stable; the candidate has {names})"
        for tensor in before
        if tensor.name not in known
    ]


def _required(before: tuple[Tensor, ...], after: tuple[Tensor, ...]) -> list[str]:
    known = {tensor.name: tensor for tensor in before}
    told = []
    for tensor in after:
        if tensor.optional or (tensor.name in known and not known[tensor.name].optional):
            continue
        was = "optional at stable" if tensor.name in known else "stable has none of that name"
        told.append(f"input {tensor.name} ({tensor}) must be sent, {was}")
    return told


def _pairs(before: tuple[Tensor, ...], after: tuple[Tensor, ...]) -> list[tuple[Tensor, Tensor]]:
    by_name = {tensor.name: tensor for tensor in after}
    return [(tensor, by_name[tensor.name]) for tensor in before if tensor.name in by_name]


def _input_changed(before: Tensor, after: Tensor) -> str:
    """An input may take more sizes than before, not fewer."""
    return _changed("input", before, after, taken=lambda old, new: new in (ANY, old))


def _output_changed(before: Tensor, after: Tensor) -> str:
    """An output may have fewer sizes than before, not others."""
    return _changed("output", before, after, taken=lambda old, new: old in (ANY, new))


def _changed(what: str, before: Tensor, after: Tensor, taken: Callable[[int, int], bool]) -> str:
    fits = len(before.shape) == len(after.shape) and all(
        taken(old, new) for old, new in zip(before.shape, after.shape, strict=True)
    )
    if before.datatype == after.datatype and fits:
        return ""
    return f"{what} {before.name} is {after}, {before} at stable"
