"""spec.model: which model, and where its files come from."""

from typing import Annotated, Literal

from pydantic import Field

from tidegate.api.base import SpecModel


class ImageSource(SpecModel):
    """Model files in an OCI image, mounted as an image volume."""

    reference: Annotated[str, Field(max_length=512)]
    """Image reference, best with a digest: `registry/name@sha256:...`."""

    path: Annotated[str, Field(max_length=512)] = "/"
    """Directory of the model inside the image; `/` is the image's root. A path below it needs Kubernetes 1.33."""

    pull_policy: Literal["IfNotPresent", "Always", "Never"] | None = None
    """When the image is pulled. Default when unset: Always for the tag `latest`, else IfNotPresent."""


class PersistentVolumeClaimSource(SpecModel):
    """Model files on a PersistentVolumeClaim, mounted read-only. Keeping the files unchanged is the user's part."""

    claim_name: Annotated[str, Field(max_length=253)]
    """Name of the claim, in the same namespace."""

    path: Annotated[str, Field(max_length=512)] = ""
    """Directory of the model on the volume, relative to its root; empty for the root itself."""


class ConfigMapItem(SpecModel):
    """One file."""

    key: Annotated[str, Field(min_length=1, max_length=253)]
    """Key in the ConfigMap."""

    path: Annotated[str, Field(max_length=255)]
    """Path of the file inside the model directory, such as `1/model.py`."""


class ConfigMapSource(SpecModel):
    """Model files in a ConfigMap; each revision gets an immutable copy of its own."""

    name: Annotated[str, Field(max_length=253)]
    """Name of the ConfigMap, in the same namespace."""

    items: Annotated[list[ConfigMapItem], Field(min_length=1, max_length=64)]
    """Which key becomes which file. One of the files must be in a version directory, such as `1/`."""


class Source(SpecModel):
    """Where the model's files come from: exactly one of the fields."""

    image: ImageSource | None = None
    """Files in an OCI image. Default when unset: another source is used."""

    persistent_volume_claim: PersistentVolumeClaimSource | None = None
    """Files on a PersistentVolumeClaim. Default when unset: another source is used."""

    config_map: ConfigMapSource | None = None
    """Files in a ConfigMap. Default when unset: another source is used."""


class ModelSpec(SpecModel):
    """The model."""

    name: Annotated[str, Field(max_length=128)] | None = None
    """Name in the serving API, by which clients ask for the model; set once. Default when unset: metadata.name."""

    source: Source
    """Where the model's files come from; exactly one source."""
