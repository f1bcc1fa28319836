"""Sources: where a model artifact comes from and how its files reach the pod. One file a source."""

from tidegate.api.spec import Source
from tidegate.sources.base import Artifact
from tidegate.sources.config_map import config_map_artifact
from tidegate.sources.image import image_artifact
from tidegate.sources.persistent_volume_claim import persistent_volume_claim_artifact

__all__ = ["Artifact", "artifact_of"]


def artifact_of(source: Source, revision: str) -> Artifact:
    """Describe how the files of `source` reach the pods of `revision`.

    Raises
    ------
    ValueError
        When the source names no known kind; the resource's schema refuses such a document first.
    """
    if source.image is not None:
        return image_artifact(source.image)
    if source.persistent_volume_claim is not None:
        return persistent_volume_claim_artifact(source.persistent_volume_claim)
    if source.config_map is not None:
        return config_map_artifact(source.config_map, revision)
    raise ValueError("spec.model.source names no source; set exactly one of image, persistentVolumeClaim, configMap")
