"""Model files in a ConfigMap, copied once into an immutable ConfigMap of the revision."""

from tidegate.api.spec import ConfigMapSource
from tidegate.sources.base import Artifact


def config_map_artifact(source: ConfigMapSource, revision: str) -> Artifact:
    """Mount the revision's own copy; `source.items` say which key becomes which file."""
    return Artifact(
        description=f"configmap {source.name}",
        volume={
            "configMap": {
                "name": revision,
                "items": [{"key": item.key, "path": item.path} for item in source.items],
            }
        },
    )
