"""Model files in an OCI image, mounted as an image volume (Kubernetes >= 1.33 for a path inside the image)."""

from typing import Any

from tidegate.api.spec import ImageSource
from tidegate.sources.base import Artifact


def image_artifact(source: ImageSource) -> Artifact:
    """Mount the image read-only; `source.path` is the model directory inside it."""
    image: dict[str, Any] = {"reference": source.reference}
    if source.pull_policy is not None:
        image["pullPolicy"] = source.pull_policy
    return Artifact(description=f"image {source.reference}", volume={"image": image}, sub_path=source.path.strip("/"))
