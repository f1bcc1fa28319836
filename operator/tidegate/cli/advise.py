"""What may be stored and is rarely what one wants."""

from collections.abc import Callable, Iterator

from tidegate.api.spec import ModelDeploymentSpec
from tidegate.cli.schema import Problem
from tidegate.rollout.steps import last_weight_step

DAY_SECONDS = 86_400
RECOMMENDED_REPLICAS = 2
LONG_TIMEOUT_SECONDS = 300
Check = Callable[[ModelDeploymentSpec], Iterator[Problem]]


def advice_on(spec: ModelDeploymentSpec) -> list[Problem]:
    """All of it, in the order of the fields."""
    return [problem for check in CHECKS for problem in check(spec)]


def _image(spec: ModelDeploymentSpec) -> Iterator[Problem]:
    image = spec.model.source.image
    if image is not None and "@" not in image.reference:
        yield Problem(
            ("spec", "model", "source", "image", "reference"),
            f'found "{image.reference}"; a digest (name@sha256:...) is better than a tag: behind a tag that is moved, '
            "a restarted pod serves files that nobody judged",
        )


def _server(spec: ModelDeploymentSpec) -> Iterator[Problem]:
    image = spec.runtime.triton.image if spec.runtime.triton else None
    if image is not None and "@" not in image and (":" not in image.rpartition("/")[2] or image.endswith(":latest")):
        yield Problem(
            ("spec", "runtime", "triton", "image"),
            f'found "{image}"; name a version: what runs behind `latest` changes without a rollout',
        )


def _replicas(spec: ModelDeploymentSpec) -> Iterator[Problem]:
    if spec.replicas < RECOMMENDED_REPLICAS:
        yield Problem(("spec", "replicas"), "1 pod: nobody is served while its node is drained or lost; 2 or more")


def _resources(spec: ModelDeploymentSpec) -> Iterator[Problem]:
    limits, requests = spec.resources.limits, spec.resources.requests
    if not limits and not requests:
        yield Problem(("spec", "resources"), "nothing is set aside for the pods: set limits, such as nvidia.com/gpu: 1")
    elif "memory" not in limits and "memory" not in requests:
        yield Problem(("spec", "resources"), "no memory is set aside: a full node ends such pods first")


def _latency(spec: ModelDeploymentSpec) -> Iterator[Problem]:
    if spec.rollout.analysis.latency is None:
        yield Problem(
            ("spec", "rollout", "analysis", "latency"),
            "latency is not judged: a slow candidate is promoted; set boundMilliseconds",
        )


def _steps(spec: ModelDeploymentSpec) -> Iterator[Problem]:
    steps, where = spec.rollout.steps, ("spec", "rollout", "steps")
    if last_weight_step(spec.rollout) is None:
        yield Problem(where, "no step gives the candidate traffic: it is promoted without evidence")
    elif steps[0].pause is not None:
        yield Problem((*where, 0), "a pause as the first step keeps a loaded candidate at weight 0, unjudged")
    if steps[-1].pause is not None and steps[-1].pause.seconds is None:
        yield Problem((*where, len(steps) - 1), "a pause as the last step makes every promotion wait for a person")


def _times(spec: ModelDeploymentSpec) -> Iterator[Problem]:
    rollout, analysis = spec.rollout, spec.rollout.analysis
    if spec.traffic.timeout_seconds > LONG_TIMEOUT_SECONDS:
        yield Problem(
            ("spec", "traffic", "timeoutSeconds"),
            f"{spec.traffic.timeout_seconds:,} s: nothing is counted for so long after a weight was lowered, and pods "
            "stay for so long when they are to go; no longer than the slowest request",
        )
    if analysis.max_seconds > DAY_SECONDS and analysis.on_inconclusive == "Pause":
        yield Problem(
            ("spec", "rollout", "analysis", "maxSeconds"), f"{analysis.max_seconds:,} s pass until a person is asked"
        )
    if rollout.keep_previous_seconds == 0:
        yield Problem(("spec", "rollout", "keepPreviousSeconds"), "0: nothing warm is left to undo a promotion with")
    needed = analysis.statistics.no_harm.min_seconds
    if analysis.promotion == "Auto" and needed > analysis.max_seconds:
        yield Problem(
            ("spec", "rollout", "analysis", "statistics", "noHarm", "minSeconds"),
            f"{needed:,} s over maxSeconds, {analysis.max_seconds:,}: a route with little traffic never promotes",
        )


def _hosts(spec: ModelDeploymentSpec) -> Iterator[Problem]:
    if not spec.traffic.hostnames and spec.traffic.path_prefix == "/":
        yield Problem(
            ("spec", "traffic", "hostnames"), "no host name and no path: the route takes all traffic of the listeners"
        )


CHECKS: tuple[Check, ...] = (_image, _server, _replicas, _resources, _hosts, _times, _steps, _latency)
