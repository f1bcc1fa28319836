"""Everything the demo needs before its first stage: the lab, the operator in it, and the model images."""

from dataclasses import dataclass
from pathlib import Path

from lab.builds import kubernetes_programs
from lab.demo.objects import DemoObject
from lab.demo.stages import STAGES
from lab.deploy import install_operator
from lab.errors import LabError
from lab.external import is_external
from lab.images import import_model
from lab.instance import Instance
from lab.kubectl import Kubectl
from lab.lifecycle import up
from lab.models import build, reference
from lab.namespaces import Namespaces
from lab.progress import Reporter

MODELS = Path(__file__).parents[2] / "build" / "models"


@dataclass(frozen=True)
class Prepared:
    """Where the demo finds its gateway and its object."""

    gateway_address: str
    demo_object: DemoObject


def prepare(instance: Instance, reporter: Reporter) -> Prepared:
    """Bring up the lab with the operator and the demo's models in it, and nothing left of an earlier demo."""
    if is_external():
        raise LabError("the demo packs its models straight into the lab's node; run it without LAB=external")
    lab = up(instance.flavour, name=instance.name, reporter=reporter)
    if lab.gateway_address is None:
        raise LabError("the lab came up without a gateway address; `python -m lab status` tells how it is")
    programs = kubernetes_programs(reporter)
    with reporter.step("model images"):
        for stage in STAGES:
            directory = build(stage.model, MODELS / stage.model)
            import_model(Namespaces(instance), programs, directory, reference(stage.model))
    install_operator(instance, programs, reporter)
    demo_object = DemoObject(lab.kubeconfig, Kubectl(instance, programs))
    with reporter.step("clear the demo's namespace"):
        demo_object.reset()
    return Prepared(lab.gateway_address, demo_object)
