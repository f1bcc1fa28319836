"""What goes into a full lab to try the operator: the operator of this tree by its own chart, and model images."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lab.images import OPERATOR_IMAGE, TRITON_IMAGE, import_images, import_model, operator_image
from lab.instance import Instance
from lab.kubectl import Kubectl
from lab.models import build, reference
from lab.namespaces import Namespaces
from lab.progress import Reporter
from lab.shell import run
from lab.waiting import wait_until

REPOSITORY = Path(__file__).parent.parent
CHART = REPOSITORY / "charts" / "tidegate"
MODELS = REPOSITORY / "build" / "models"
RELEASE = "tidegate"
NAMESPACE = "tidegate-system"
PROMETHEUS_URL = "http://prometheus.monitoring:9090"
READY_SECONDS = 120


@dataclass(frozen=True)
class ModelImage:
    """A model of `lab.models.RECIPES` as an image, with parameters of its own."""

    recipe: str
    tag: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The recipe's name, or one of its own where it has a tag: variants of a recipe are models of their own."""
        return f"{self.recipe}-{self.tag}" if self.tag else self.recipe

    @property
    def reference(self) -> str:
        """The image reference in the lab."""
        return reference(self.name)


def provide_models(instance: Instance, programs: Path, images: Iterable[ModelImage], reporter: Reporter) -> None:
    """Make model directories under build/models and import each as an image."""
    for image in images:
        with reporter.step(f"model image {image.reference}"):
            directory = build(image.recipe, MODELS / image.name, parameters=image.parameters)
            import_model(Namespaces(instance), programs, directory, image.reference)


def install_operator(instance: Instance, programs: Path, reporter: Reporter) -> None:
    """Put the operator's image on the node, install or upgrade the chart, and wait until a pod of that image leads."""
    image = operator_image(reporter)
    with reporter.step("import operator image"):
        import_images(Namespaces(instance), programs, [image])
    with reporter.step("install operator"):
        upgrade(instance, programs, chart_values(image.digest), "--install", "--create-namespace")


def upgrade(instance: Instance, programs: Path, values: Mapping[str, object], *options: str) -> None:
    """Upgrade the release to the chart of this tree with these values, until the operator is ready."""
    release = [str(programs / "bin/helm"), "upgrade", RELEASE, str(CHART), *options]
    where = ["--namespace", NAMESPACE, "--kubeconfig", str(instance.kubeconfig)]
    wait = ["--wait", "--timeout", f"{READY_SECONDS}s", "--values", "-"]
    run(
        [*release, *where, *wait],
        stdin=json.dumps(values),
        environment=helm_homes(instance),
        timeout_seconds=READY_SECONDS + 30,
    )
    kubectl = Kubectl(instance, programs)
    wait_until("an operator of this tree that leads", lambda: no_leader(kubectl), seconds=READY_SECONDS)


def no_leader(kubectl: Kubectl) -> str | None:
    """Return who leads instead of a pod that is there to stay, None once such a pod leads."""
    place = f"--namespace={NAMESPACE}"
    lease = json.loads(kubectl("get", "lease", RELEASE, place, "--ignore-not-found", "--output=json") or "{}")
    holder = lease.get("spec", {}).get("holderIdentity", "")
    pods = kubectl.get("pods", place, f"--selector=app.kubernetes.io/instance={RELEASE}")["items"]
    staying = [pod["metadata"]["name"] for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    if any(holder.startswith(f"{name}_") for name in staying):
        return None
    return f"the Lease is held by {holder or 'nobody'}, expected one of {', '.join(staying)}"


def chart_values(image_digest: str) -> dict[str, object]:
    """Return the chart's values in the lab; the digest restarts the operator when its image changed under one tag."""
    repository, _, tag = OPERATOR_IMAGE.rpartition(":")
    return {
        "image": {"repository": repository, "tag": tag, "pullPolicy": "IfNotPresent"},
        "podAnnotations": {"tidegate.dev/image": image_digest},
        "prometheus": {"url": PROMETHEUS_URL},
        "runtimes": {"triton": {"image": TRITON_IMAGE}},
    }


def helm_homes(instance: Instance) -> dict[str, str]:
    """Return helm's directories, kept inside the lab's state."""
    return {f"HELM_{kind}_HOME": str(instance.state / "helm") for kind in ("CACHE", "CONFIG", "DATA")}
