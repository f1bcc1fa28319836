"""Everything the demo needs before its first stage: the lab, the operator in it, and the model images."""

from dataclasses import dataclass

from lab.builds import kubernetes_programs
from lab.demo.objects import DemoObject
from lab.demo.stages import STAGES
from lab.deploy import install_operator, provide_models
from lab.errors import LabError
from lab.external import is_external
from lab.instance import Instance
from lab.kubectl import Kubectl
from lab.lifecycle import up
from lab.progress import Reporter


@dataclass(frozen=True)
class Prepared:
    """Where the demo finds its gateway and its object."""

    gateway_address: str
    demo_object: DemoObject


def prepare(instance: Instance, reporter: Reporter) -> Prepared:
    """Bring up the lab with the operator and the demo's models in it."""
    if is_external():
        raise LabError("the demo packs its models straight into the lab's node; run it without LAB=external")
    lab = up(instance.flavour, name=instance.name, reporter=reporter)
    if lab.gateway_address is None:
        raise LabError("the lab came up without a gateway address; `python -m lab status` tells how it is")
    programs = kubernetes_programs(reporter)
    provide_models(instance, programs, [stage.model for stage in STAGES], reporter)
    install_operator(instance, programs, reporter)
    demo_object = DemoObject(lab.kubeconfig, Kubectl(instance, programs))
    with reporter.step(f"namespace {demo_object.namespace}"):
        demo_object.create_namespace()
    return Prepared(lab.gateway_address, demo_object)
