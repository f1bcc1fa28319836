"""Why a revision's pods do not serve: the model's own fault, the infrastructure's, or no room."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tidegate.rollout.observation import Pod

RESTARTS_AFTER_SERVING = 2
WORDS_SHOWN = 600
KILLED = (137, 143)
"""Exit codes of a container stopped by the kubelet, as a failed startup probe does."""

QUOTA = "exceeded quota"

# Waiting reasons that come before the model gets a say: the image, a Secret, a mount.
INFRASTRUCTURE_REASONS = {
    "CreateContainerConfigError",
    "CreateContainerError",
    "ErrImageNeverPull",
    "ErrImagePull",
    "ImageInspectError",
    "ImagePullBackOff",
    "InvalidImageName",
    "RegistryUnavailable",
    "RunContainerError",
    "SignatureValidationFailed",
}


@dataclass(frozen=True)
class Trouble:
    """What keeps a revision from serving.

    Attributes
    ----------
    kind
        ``Model``: the revision is at fault and is taken back. ``Infrastructure``: waits and goes on by itself.
        ``Capacity``: no node has room; waits, within a deadline.
    """

    kind: Literal["Model", "Infrastructure", "Capacity"]
    reason: str
    message: str


def trouble_of(pods: Sequence[Pod], *, served: bool, refused: str = "") -> Trouble | None:
    """The gravest trouble among `pods`, or None.

    Parameters
    ----------
    served
        The revision has answered requests before.
    refused
        The API server's words where it refuses to have pods made; empty otherwise.
    """
    for look in (_served_model if served else _loading_model, _infrastructure, _capacity):
        for pod in pods:
            found = look(pod)
            if found is not None:
                return found
    if QUOTA in refused:
        return Trouble("Capacity", "QuotaExceeded", refused)
    return Trouble("Infrastructure", "PodsRefused", refused) if refused else None


def _loading_model(pod: Pod) -> Trouble | None:
    if pod.exit_code is None or pod.restarts == 0:
        return None
    if pod.exit_reason == "OOMKilled":
        return Trouble("Model", "OutOfMemory", _last_exit(pod))
    if pod.exit_code in KILLED:
        return Trouble("Model", "LoadTimeout", f"the model was not ready within loadSeconds: {_last_exit(pod)}")
    return Trouble("Model", "LoadFailed", _last_exit(pod))


def _served_model(pod: Pod) -> Trouble | None:
    if pod.exit_code is None or pod.restarts < RESTARTS_AFTER_SERVING:
        return None
    return Trouble("Model", "OutOfMemory" if pod.exit_reason == "OOMKilled" else "ServerRestarts", _last_exit(pod))


def _last_exit(pod: Pod) -> str:
    told = pod.last_words.strip()[-WORDS_SHOWN:] or "it left no words"
    return (
        f"the server of pod {pod.name} exited with code {pod.exit_code} ({pod.exit_reason or 'Error'}), "
        f"restarted {pod.restarts} times; its last words: {told}"
    )


def _infrastructure(pod: Pod) -> Trouble | None:
    if pod.waiting_reason in INFRASTRUCTURE_REASONS:
        reason = pod.waiting_reason
        if reason == "ErrImagePull":
            reason = "ImagePullBackOff"
        return Trouble("Infrastructure", reason, f"pod {pod.name}: {pod.waiting_message or pod.waiting_reason}")
    if pod.unschedulable and "Insufficient" not in pod.unschedulable:
        return Trouble("Infrastructure", "Unschedulable", f"pod {pod.name}: {pod.unschedulable}")
    return None


def _capacity(pod: Pod) -> Trouble | None:
    if not pod.unschedulable:
        return None
    return Trouble("Capacity", "InsufficientCapacity", f"pod {pod.name}: {pod.unschedulable}")
