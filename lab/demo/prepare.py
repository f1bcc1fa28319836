"""Everything a trial needs before its first stage: the lab, the operator in it, and the model images."""

from collections.abc import Iterable
from dataclasses import dataclass

from lab.builds import kubernetes_programs
from lab.demo.objects import TrialObject
from lab.demo.stages import Stage
from lab.deploy import install_operator, provide_models
from lab.errors import LabError
from lab.external import is_external
from lab.instance import Instance
from lab.kubectl import Kubectl
from lab.lifecycle import up
from lab.progress import Reporter


@dataclass(frozen=True)
class Prepared:
    """Where a trial finds its gateway and its object."""

    gateway_address: str
    trial_object: TrialObject

    @property
    def url(self) -> str:
        """Where to send inference requests."""
        return f"http://{self.gateway_address}/v2/models/{self.trial_object.name}/infer"


def prepare(instance: Instance, name: str, stages: Iterable[Stage], reporter: Reporter) -> Prepared:
    """Bring up the lab with the operator and the stages' models in it, and a namespace for ModelDeployment `name`."""
    if is_external():
        raise LabError("model images are put straight onto the lab's node here; run it without LAB=external")
    lab = up(instance.flavour, name=instance.name, reporter=reporter)
    if lab.gateway_address is None:
        raise LabError("the lab came up without a gateway address; `python -m lab status` tells how it is")
    programs = kubernetes_programs(reporter)
    provide_models(instance, programs, [stage.image for stage in stages], reporter)
    install_operator(instance, programs, reporter)
    trial_object = TrialObject(lab.kubeconfig, Kubectl(instance, programs), name)
    with reporter.step(f"namespace {trial_object.namespace}"):
        trial_object.create_namespace()
    return Prepared(lab.gateway_address, trial_object)
