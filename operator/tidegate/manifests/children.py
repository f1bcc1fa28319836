"""The children of one ModelDeployment as a function of its spec and its recorded status."""

from collections.abc import Mapping
from typing import Any

from tidegate.api.names import LABEL_REVISION, Letter
from tidegate.api.spec import ModelDeploymentSpec
from tidegate.api.status import ModelDeploymentStatus, Slot
from tidegate.manifests.metadata import Owner, sealed
from tidegate.manifests.revision import config_map_copy, controller_revision, deployment
from tidegate.manifests.routes import http_route
from tidegate.manifests.services import slot, stable_service

CONTROLLER_REVISIONS_KEPT = 10

Manifest = dict[str, Any]


def new_revisions(
    owner: Owner,
    spec: ModelDeploymentSpec,
    status: ModelDeploymentStatus,
    known: Mapping[str, Mapping[str, Any]],
    *,
    desired: str,
    default_image: str,
    config_map: Manifest | None,
) -> list[Manifest]:
    """ControllerRevision (and ConfigMap copy) of the desired revision where status wants it and it is not there yet.

    An existing revision is never rendered again: an operator upgrade moves nothing. The copy comes first, so that a
    ControllerRevision is never there without it.
    """
    if desired in known or all(entry.name != desired for entry in status.revisions):
        return []
    number = 1 + max((int(revision.get("revision", 0)) for revision in known.values()), default=0)
    manifests = []
    if spec.model.source.config_map is not None and config_map is not None:
        manifests.append(config_map_copy(owner, desired, config_map))
    manifests.append(controller_revision(owner, spec, desired, number=number, default_image=default_image))
    return manifests


def children(
    owner: Owner,
    spec: ModelDeploymentSpec,
    status: ModelDeploymentStatus,
    known: Mapping[str, Manifest],
) -> list[Manifest]:
    """Every other child, in the order they are to be written: pods first, route last.

    Parameters
    ----------
    known
        Revision name to its ControllerRevision, as stored.
    """
    letters: dict[Letter, Slot] = {"a": status.slots.a, "b": status.slots.b}
    manifests = [
        deployment(owner, known[entry.name], replicas=entry.replicas)
        for entry in status.revisions
        if entry.name in known
    ]
    if not status.revisions:
        return manifests
    manifests += [sealed(slot(owner, letter, entry.revision)) for letter, entry in letters.items()]
    if status.stable is not None:
        manifests.append(sealed(stable_service(owner, status.stable)))
        weights = {letter: entry.weight for letter, entry in letters.items()}
        revisions = {letter: entry.revision for letter, entry in letters.items()}
        manifests.append(sealed(http_route(owner, spec.traffic, weights, revisions)))
    return manifests


def surplus_revisions(status: ModelDeploymentStatus, known: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """ControllerRevisions to delete: neither in use nor among the newest ten."""
    in_use = {entry.name for entry in status.revisions}
    spare = sorted(
        (name for name in known if name not in in_use), key=lambda name: known[name].get("revision", 0), reverse=True
    )
    return spare[CONTROLLER_REVISIONS_KEPT:]


def revision_of(manifest: Mapping[str, Any]) -> str | None:
    """Revision a child belongs to, by its label."""
    labels: Mapping[str, str] = manifest["metadata"].get("labels") or {}
    return labels.get(LABEL_REVISION)
