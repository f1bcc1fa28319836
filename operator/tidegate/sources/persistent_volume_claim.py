"""Model files on a PersistentVolumeClaim. Keeping the content still is the user's part."""

from tidegate.api.spec import PersistentVolumeClaimSource
from tidegate.sources.base import Artifact


def persistent_volume_claim_artifact(source: PersistentVolumeClaimSource) -> Artifact:
    """Mount the claim read-only; `source.path` is the model directory on it."""
    path = source.path.strip("/")
    return Artifact(
        description=f"claim {source.claim_name}:/{path}",
        volume={"persistentVolumeClaim": {"claimName": source.claim_name, "readOnly": True}},
        sub_path=path,
    )
