"""`tidegate lint`: what is wrong with a file, told without a cluster."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from tidegate.api.definition import root_schema
from tidegate.api.names import API_GROUP, KIND
from tidegate.api.spec import ModelDeploymentSpec
from tidegate.cli.advise import advice_on
from tidegate.cli.errors import DID_NOT_HAPPEN, CommandError
from tidegate.cli.manifest import API_VERSION, Manifest, manifests
from tidegate.cli.schema import Problem, problems

Files = Annotated[
    list[Path],
    typer.Option("--file", "-f", help="File of one or more ModelDeployments; repeatable, - for standard input."),
]


@dataclass(frozen=True)
class Finding:
    """One line of the answer."""

    manifest: Manifest
    severity: str
    problem: Problem

    @property
    def told(self) -> str:
        """As compilers tell it, so that editors and CI find the place."""
        where = f"{self.manifest.file}:{self.manifest.line(self.problem.path)}"
        return f"{where}: {self.severity}: {self.problem.field or self.manifest.title}: {self.problem.message}"


def findings(manifest: Manifest) -> list[Finding]:
    """Errors of a ModelDeployment, or the advice where it has none."""
    wrong = [Finding(manifest, "error", problem) for problem in _errors(manifest)]
    if wrong:
        return wrong
    spec = ModelDeploymentSpec.model_validate(manifest.content["spec"])
    return [Finding(manifest, "advice", problem) for problem in advice_on(spec)]


def _errors(manifest: Manifest) -> Iterator[Problem]:
    meta = manifest.content.get("metadata")
    if not isinstance(meta, dict) or not isinstance(meta.get("name"), str):
        yield Problem(("metadata", "name"), "found none; expected the ModelDeployment's name")
        return
    yield from problems({key: value for key, value in manifest.content.items() if key != "status"}, root_schema())


def of_another_version(manifest: Manifest) -> bool:
    """A ModelDeployment by its kind, with another apiVersion than is known here."""
    content = manifest.content
    return isinstance(content, dict) and content.get("kind") == KIND and not manifest.is_ours


def _version(manifest: Manifest) -> Finding:
    found = manifest.content.get("apiVersion")
    problem = Problem(("apiVersion",), f'found "{found}"; expected {API_VERSION}')
    return Finding(manifest, "error", problem)


def lint(
    file: Files,
    strict: Annotated[bool, typer.Option("--strict", help="Let advice fail as well.")] = False,
) -> int:
    """Check files offline: the resource's own rules, and advice. Exit code 1 where there are errors."""
    checked, found = 0, list[Finding]()
    for manifest in (one for path in file for one in manifests(path)):
        if of_another_version(manifest):
            found.append(_version(manifest))
        elif not manifest.is_ours:
            print(f"{manifest.file}:{manifest.line(())}: skipped: {manifest.title}", file=sys.stderr)
            continue
        else:
            found += findings(manifest)
        checked += 1
    if not checked:
        names = ", ".join(str(path) for path in file)
        raise CommandError(f"{names}: no ModelDeployment of {API_GROUP} is in it; give -f a file that has one")
    for finding in found:
        print(finding.told)
    errors = sum(finding.severity == "error" for finding in found)
    print(f"{_count(checked, 'ModelDeployment')}: {_count(errors, 'error')}, {len(found) - errors} of advice")
    return DID_NOT_HAPPEN if errors or (strict and found) else 0


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")
