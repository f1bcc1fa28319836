"""What clients of one model would miss at another."""

from dataclasses import replace

import pytest

from tidegate.clients.triton import signature_of
from tidegate.runtimes.signature import Signature, Tensor, differences

IMAGE, MASK = Tensor("image", "FP32", (-1, 3, 224, 224)), Tensor("mask", "BOOL", (-1, 224), optional=True)
LABEL = Tensor("label", "FP32", (-1, 1000))
STABLE = Signature((IMAGE, MASK), (LABEL,), max_batch_size=8)


def test_a_model_is_no_different_from_itself() -> None:
    assert differences(STABLE, STABLE) == []


@pytest.mark.parametrize(
    "candidate",
    [
        replace(STABLE, max_batch_size=64),
        replace(STABLE, inputs=(replace(IMAGE, shape=(-1, 3, -1, -1)), MASK)),
        replace(STABLE, inputs=(replace(IMAGE, optional=True), MASK)),
        replace(STABLE, inputs=(IMAGE, MASK, Tensor("scale", "FP32", (1,), optional=True))),
        replace(STABLE, outputs=(LABEL, Tensor("score", "FP32", (-1, 1)))),
        replace(STABLE, inputs=(MASK, IMAGE)),
    ],
    ids=["larger batches", "any size", "may be left out", "one more that may be left out", "one more to read", "order"],
)
def test_what_clients_of_stable_do_not_notice_is_no_difference(candidate: Signature) -> None:
    assert differences(STABLE, candidate) == []


@pytest.mark.parametrize(
    ("candidate", "told"),
    [
        (
            replace(STABLE, inputs=(replace(IMAGE, name="pixels"), MASK)),
            [
                "no input image (FP32 [-1, 3, 224, 224] at stable; the candidate has pixels, mask)",
                "input pixels (FP32 [-1, 3, 224, 224]) must be sent, stable has none of that name",
            ],
        ),
        (
            replace(STABLE, inputs=(replace(IMAGE, datatype="FP16"), MASK)),
            ["input image is FP16 [-1, 3, 224, 224], FP32 [-1, 3, 224, 224] at stable"],
        ),
        (
            replace(STABLE, inputs=(replace(IMAGE, shape=(-1, 3, 256, 256)), MASK)),
            ["input image is FP32 [-1, 3, 256, 256], FP32 [-1, 3, 224, 224] at stable"],
        ),
        (
            replace(STABLE, inputs=(replace(IMAGE, shape=(3, 224, 224)), MASK)),
            ["input image is FP32 [3, 224, 224], FP32 [-1, 3, 224, 224] at stable"],
        ),
        (
            replace(STABLE, inputs=(IMAGE, replace(MASK, optional=False))),
            ["input mask (BOOL [-1, 224]) must be sent, optional at stable"],
        ),
        (
            replace(STABLE, outputs=(replace(LABEL, shape=(-1, 1001)),)),
            ["output label is FP32 [-1, 1001], FP32 [-1, 1000] at stable"],
        ),
        (
            replace(STABLE, outputs=(replace(LABEL, shape=(-1, -1)),)),
            ["output label is FP32 [-1, -1], FP32 [-1, 1000] at stable"],
        ),
        (replace(STABLE, outputs=()), ["no output label (FP32 [-1, 1000] at stable; the candidate has none)"]),
        (replace(STABLE, max_batch_size=4), ["batches of at most 4, stable takes 8"]),
        (replace(STABLE, decoupled=True), ["any number of answers to a request, stable gives one"]),
    ],
    ids=["renamed", "type", "size", "no batch", "now required", "more labels", "any labels", "gone", "batch", "stream"],
)
def test_what_would_break_clients_is_told_in_words(candidate: Signature, told: list[str]) -> None:
    assert differences(STABLE, candidate) == told


def test_a_size_that_varied_at_stable_has_to_vary_for_inputs_and_may_be_fixed_for_outputs() -> None:
    loose, fixed = Tensor("x", "FP32", (-1,)), Tensor("x", "FP32", (16,))
    assert differences(Signature((loose,), ()), Signature((fixed,), ())) != []
    assert differences(Signature((), (loose,)), Signature((), (fixed,))) == []


def test_tritons_answers_are_read_as_one() -> None:
    metadata = {
        "name": "m",
        "inputs": [
            {"name": "image", "datatype": "FP32", "shape": [-1, 3, 224, 224]},
            {"name": "mask", "datatype": "BOOL", "shape": ["-1", "224"]},
        ],
        "outputs": [{"name": "label", "datatype": "FP32", "shape": [-1, 1000]}],
    }
    config = {
        "max_batch_size": 8,
        "input": [{"name": "image"}, {"name": "mask", "optional": True}],
        "model_transaction_policy": {"decoupled": False},
    }
    assert signature_of(metadata, config) == STABLE
