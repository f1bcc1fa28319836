"""Write the files made from the resource's models, or check that they are up to date.

python -m tidegate.api crds|docs|check ROOT...
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from tidegate.api.definition import custom_resource_definition, root_schema
from tidegate.api.documentation import api_document

CRD_FILES = ("crds/modeldeployments.yaml", "charts/tidegate/files/modeldeployments.yaml")
DOCUMENT_FILE = "docs/api.md"
LINE_WIDTH = 120
_HEADER = "# Made from the resource's models by `make crds`; do not edit.\n"


def definition_text() -> str:
    """The CustomResourceDefinition as YAML, the same at every run."""
    return _HEADER + yaml.safe_dump(
        custom_resource_definition(), sort_keys=False, width=LINE_WIDTH, allow_unicode=True, default_flow_style=False
    )


def definition_files() -> dict[str, str]:
    """Path below the repository's root to content, for the definition and the chart's copy of it."""
    return dict.fromkeys(CRD_FILES, definition_text())


def document_files() -> dict[str, str]:
    """Path below the repository's root to content, for the reference page."""
    return {DOCUMENT_FILE: api_document(root_schema())}


def write(root: Path, files: Mapping[str, str]) -> None:
    """Write `files` below `root`."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")


def out_of_date(root: Path, files: Mapping[str, str]) -> list[str]:
    """Names of `files` that are missing below `root` or differ."""
    return [
        name
        for name, content in files.items()
        if not (root / name).is_file() or (root / name).read_text(encoding="utf-8") != content
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 1 where `check` found a file that is not up to date."""
    parser = argparse.ArgumentParser(prog="python -m tidegate.api", description=__doc__)
    parser.add_argument("command", choices=["crds", "docs", "check"])
    parser.add_argument("roots", nargs="+", type=Path, metavar="ROOT", help="root of the repository")
    options = parser.parse_args(arguments)
    if options.command == "check":
        files = definition_files() | document_files()
        stale = [str(root / name) for root in options.roots for name in out_of_date(root, files)]
        for path in stale:
            print(f"{path} does not fit the resource's models: run `make crds` and commit it", file=sys.stderr)
        return 1 if stale else 0
    for root in options.roots:
        write(root, definition_files() if options.command == "crds" else document_files())
    return 0


if __name__ == "__main__":
    sys.exit(main())
