"""Why pods do not serve, and whose fault it is."""

import pytest

from tidegate.rollout.failures import trouble_of
from tidegate.rollout.observation import Pod


def pod(**fields: object) -> Pod:
    return Pod(name="p", revision="r", **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seen", "served", "expected"),
    [
        (pod(), False, None),
        (pod(waiting_reason="ContainerCreating"), False, None),
        (pod(exit_code=1, restarts=0), False, None),
        (pod(exit_code=1, restarts=1), False, ("Model", "LoadFailed")),
        (pod(exit_code=137, restarts=1, exit_reason="OOMKilled"), False, ("Model", "OutOfMemory")),
        (pod(exit_code=137, restarts=1, exit_reason="Error"), False, ("Model", "LoadTimeout")),
        (pod(exit_code=1, restarts=1), True, None),
        (pod(exit_code=1, restarts=2), True, ("Model", "ServerRestarts")),
        (pod(waiting_reason="ErrImagePull"), False, ("Infrastructure", "ImagePullBackOff")),
        (pod(waiting_reason="CreateContainerConfigError"), False, ("Infrastructure", "CreateContainerConfigError")),
        (pod(unschedulable='persistentvolumeclaim "m" not found'), False, ("Infrastructure", "Unschedulable")),
        (pod(unschedulable="1 Insufficient nvidia.com/gpu."), False, ("Capacity", "InsufficientCapacity")),
    ],
)
def test_whose_fault(seen: Pod, served: bool, expected: tuple[str, str] | None) -> None:
    found = trouble_of([pod(), seen], served=served)
    assert (found and (found.kind, found.reason)) == expected


def test_s04_the_containers_words_and_exit_code_are_told() -> None:
    found = trouble_of([pod(exit_code=1, restarts=1, last_words="no such file: model.onnx\n")], served=False)
    assert found is not None
    assert "no such file: model.onnx" in found.message
    assert "code 1" in found.message


def test_the_models_fault_counts_before_a_lack_of_room() -> None:
    pods = [pod(unschedulable="Insufficient nvidia.com/gpu"), pod(exit_code=1, restarts=1)]
    found = trouble_of(pods, served=False)
    assert found is not None
    assert found.kind == "Model"


@pytest.mark.parametrize(
    ("refused", "expected"),
    [
        ('pods "x" is forbidden: exceeded quota: gpus, requested: 1', ("Capacity", "QuotaExceeded")),
        ("admission webhook denied the request: no", ("Infrastructure", "PodsRefused")),
        ("", None),
    ],
)
def test_pods_that_are_not_even_made(refused: str, expected: tuple[str, str] | None) -> None:
    found = trouble_of([], served=False, refused=refused)
    assert (found and (found.kind, found.reason)) == expected
    assert found is None or found.message == refused
