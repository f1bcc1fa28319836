"""spec.model: which model, and where its files come from."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from tidegate.api.base import SpecModel, list_map
from tidegate.api.cel import PARENT_DIRECTORY, SELF, exactly_one, matches, object_name, quoted, rule, rules

IMAGE_REFERENCE = "^[a-zA-Z0-9][-a-zA-Z0-9._]*(:[0-9]+)?(/[-a-zA-Z0-9._]+)*(:[-a-zA-Z0-9._]+)?(@[a-z0-9]+:[a-f0-9]+)?$"
IMAGE_REFERENCE_RULE = matches(
    IMAGE_REFERENCE,
    "expected an image reference such as registry/name:tag or registry/name@sha256:..., without a scheme",
)
_NOT_ABOVE = f"!self.matches({quoted(PARENT_DIRECTORY)})"


class ImageSource(SpecModel):
    """Model files in an OCI image, mounted as an image volume."""

    reference: Annotated[str, Field(min_length=1, max_length=512, json_schema_extra=IMAGE_REFERENCE_RULE)]
    """Image reference, best with a digest: `registry/name@sha256:...`."""

    path: Annotated[
        str,
        Field(
            max_length=512,
            json_schema_extra=rules(
                rule(
                    f"self.startsWith('/') && {_NOT_ABOVE}",
                    "expected an absolute path inside the image without '..', such as /models/filetype",
                    found=SELF,
                )
            ),
        ),
    ] = "/"
    """Directory of the model inside the image; `/` is the image's root. A path below it needs Kubernetes 1.33."""

    pull_policy: Literal["IfNotPresent", "Always", "Never"] | None = None
    """When the image is pulled. Default when unset: Always for the tag `latest`, else IfNotPresent."""


class PersistentVolumeClaimSource(SpecModel):
    """Model files on a PersistentVolumeClaim, mounted read-only. Keeping the files unchanged is the user's part."""

    claim_name: Annotated[str, Field(max_length=253, json_schema_extra=object_name("PersistentVolumeClaim"))]
    """Name of the claim, in the same namespace."""

    path: Annotated[
        str,
        Field(
            max_length=512,
            json_schema_extra=rules(
                rule(
                    f"!self.startsWith('/') && {_NOT_ABOVE}",
                    "expected a path relative to the volume's root without '..', such as filetype/3.3",
                    found=SELF,
                )
            ),
        ),
    ] = ""
    """Directory of the model on the volume, relative to its root; empty for the root itself."""


class ConfigMapItem(SpecModel):
    """One file."""

    key: Annotated[
        str,
        Field(
            max_length=253,
            json_schema_extra=matches(
                "^[-._a-zA-Z0-9]+$", "expected a ConfigMap key: letters, digits, '-', '_' and '.'"
            ),
        ),
    ]
    """Key in the ConfigMap."""

    path: Annotated[
        str,
        Field(
            max_length=255,
            json_schema_extra=rules(
                rule(
                    f"self != '' && !self.startsWith('/') && !self.endsWith('/') && {_NOT_ABOVE}",
                    "expected a file's path inside the model directory without '..', such as 1/model.py",
                    found=SELF,
                )
            ),
        ),
    ]
    """Path of the file inside the model directory, such as `1/model.py`."""


class ConfigMapSource(SpecModel):
    """Model files in a ConfigMap; each revision gets an immutable copy of its own."""

    name: Annotated[str, Field(max_length=253, json_schema_extra=object_name("ConfigMap"))]
    """Name of the ConfigMap, in the same namespace."""

    items: Annotated[
        list[ConfigMapItem],
        Field(
            min_length=1,
            max_length=64,
            json_schema_extra=list_map("path")
            | rules(
                rule(
                    "self.size() == 0 || self.exists(item, item.path.matches('^[1-9][0-9]*/.'))",
                    "expected a file in a version directory: give the model's file a path such as 1/model.py",
                    found=("only %s", "self.map(item, item.path)"),
                )
            ),
        ),
    ]
    """Which key becomes which file. One of the files must be in a version directory, such as `1/`."""


class Source(SpecModel):
    """Where the model's files come from: exactly one of the fields."""

    model_config = ConfigDict(json_schema_extra=exactly_one("sources", "image", "persistentVolumeClaim", "configMap"))

    image: ImageSource | None = None
    """Files in an OCI image. Default when unset: another source is used."""

    persistent_volume_claim: PersistentVolumeClaimSource | None = None
    """Files on a PersistentVolumeClaim. Default when unset: another source is used."""

    config_map: ConfigMapSource | None = None
    """Files in a ConfigMap. Default when unset: another source is used."""


class ModelSpec(SpecModel):
    """The model, and where its files come from."""

    name: (
        Annotated[
            str,
            Field(
                max_length=128,
                json_schema_extra=matches(
                    "^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$",
                    "expected letters, digits, '-', '_' and '.': the name is part of the URL clients call",
                ),
            ),
        ]
        | None
    ) = None
    """Name in the serving API, by which clients ask for the model; set once. Default when unset: metadata.name."""

    source: Source
    """Where the model's files come from; exactly one source."""
