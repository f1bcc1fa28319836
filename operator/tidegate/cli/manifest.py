"""Files of Kubernetes objects: every document with the lines of its fields."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tidegate.api.names import API_GROUP, KIND, VERSION
from tidegate.cli.errors import CommandError

STANDARD_INPUT = "-"
API_VERSION = f"{API_GROUP}/{VERSION}"


@dataclass(frozen=True)
class Manifest:
    """One document of a file.

    Attributes
    ----------
    node
        The same as YAML nodes, which know their lines.
    """

    file: Path
    content: Any
    node: yaml.Node

    @property
    def is_ours(self) -> bool:
        """Whether it is a ModelDeployment of the version known here."""
        return isinstance(self.content, dict) and (
            (self.content.get("apiVersion"), self.content.get("kind")) == (API_VERSION, KIND)
        )

    @property
    def title(self) -> str:
        """Kind and name, as far as it has them."""
        if not isinstance(self.content, dict):
            return f"a {type(self.content).__name__}"
        meta = self.content.get("metadata")
        name = meta.get("name") if isinstance(meta, dict) else None
        return f"{self.content.get('kind') or 'a document without a kind'} {name or 'without a name'}"

    def line(self, path: tuple[str | int, ...]) -> int:
        """Line of a field, or of what should contain it."""
        node, found = self.node, self.node.start_mark.line
        for part in path:
            following = _child(node, part)
            if following is None:
                break
            node, found = following
        return int(found) + 1


def _child(node: yaml.Node, part: str | int) -> tuple[yaml.Node, int] | None:
    if isinstance(node, yaml.MappingNode):
        return next(((value, key.start_mark.line) for key, value in node.value if key.value == part), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part].start_mark.line
    return None


def manifests(file: Path) -> list[Manifest]:
    """Documents of a file, those that are empty left out; the items of a List each for itself.

    Raises
    ------
    CommandError
        If it cannot be read, is no YAML, or holds nothing.
    """
    try:
        text = sys.stdin.read() if str(file) == STANDARD_INPUT else file.read_text(encoding="utf-8")
        nodes = [node for node in yaml.compose_all(text, Loader=yaml.SafeLoader) if node is not None]
        contents = [content for content in yaml.safe_load_all(text) if content is not None]
    except (OSError, UnicodeDecodeError) as error:
        told = getattr(error, "strerror", None) or error
        raise CommandError(f"{file} cannot be read: {told}; name a file of a ModelDeployment") from error
    except yaml.YAMLError as error:
        raise CommandError(f"{file} is not YAML: {' '.join(str(error).split())}; mend it there") from error
    if not contents:
        raise CommandError(f"{file} is empty; expected a ModelDeployment in it")
    kept = [node for node in nodes if not _is_null(node)]
    return [one for content, node in zip(contents, kept, strict=True) for one in _unpacked(file, content, node)]


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def _unpacked(file: Path, content: Any, node: yaml.Node) -> Iterator[Manifest]:
    if isinstance(content, dict) and content.get("kind") == "List" and isinstance(content.get("items"), list):
        items = _child(node, "items")
        assert items is not None
        for inner, inner_node in zip(content["items"], items[0].value, strict=True):
            yield Manifest(file, inner, inner_node)
        return
    yield Manifest(file, content, node)
