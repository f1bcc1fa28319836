"""Read a ModelDeployment's file as a rollout that can be simulated."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from tidegate.api.spec import ModelDeploymentSpec, Rollout, Step
from tidegate.cli.errors import CommandError
from tidegate.rollout.measuring import rules_of

SKIPPED = {
    "schema": "it asks the servers, and is taken as passed",
    "golden": "it asks the servers, and is taken as passed",
    "shadow": "its copies harm nobody, and it is taken as passed",
    "match": "it divides a cohort, and is taken as passed",
}
KINDS = {Step.model_fields[name].alias or name for name in Step.model_fields} - set(SKIPPED)


@dataclass(frozen=True)
class Document:
    """What a file says.

    Parameters
    ----------
    notes
        What of it is not simulated, one sentence each.
    """

    rollout: Rollout
    replicas: int = 2
    timeout_seconds: float = 60.0
    notes: tuple[str, ...] = ()


def read_document(path: Path) -> Document:
    """The first ModelDeployment of a file.

    Raises
    ------
    CommandError
        If there is none, or what it says cannot be read.
    """
    spec = _spec_of(path)
    rollout = dict(_mapping(spec.get("rollout"), path, "spec.rollout"))
    notes: list[str] = []
    if "steps" in rollout:
        rollout["steps"] = _steps(rollout["steps"], path, notes)
    try:
        parsed = ModelDeploymentSpec.model_validate({**spec, "rollout": rollout})
        rules_of(parsed.rollout.analysis)
    except ValidationError as error:
        raise CommandError(_first_problem(path, error)) from error
    except ValueError as error:
        raise CommandError(f"{path}: {error} in spec.rollout.analysis; docs/api.md has every field") from error
    if parsed.rollout.analysis.queries:
        notes.append("analysis.queries are not simulated: they are taken as passing")
    return Document(parsed.rollout, parsed.replicas, float(parsed.traffic.timeout_seconds), tuple(notes))


def _spec_of(path: Path) -> Mapping[str, Any]:
    try:
        documents = list(yaml.safe_load_all(path.read_text()))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        raise CommandError(f"cannot read {path}: {reason}; give -f the file of a ModelDeployment") from error
    except yaml.YAMLError as error:
        told = " ".join(str(error).split())
        raise CommandError(f"{path} is not YAML: {told}; mend it there") from error
    for document in documents:
        if isinstance(document, dict) and document.get("kind") == "ModelDeployment":
            return _mapping(document.get("spec"), path, "spec")
    raise CommandError(f"{path} holds no ModelDeployment; give -f a file with `kind: ModelDeployment`")


def _mapping(found: Any, path: Path, where: str) -> Mapping[str, Any]:
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise CommandError(f"{path}: found {found!r} as {where}; expected fields, as docs/api.md shows")
    return found


def _steps(steps: Any, path: Path, notes: list[str]) -> list[Any]:
    kept = []
    for number, step in enumerate(steps if isinstance(steps, list) else [steps], start=1):
        kinds = list(step) if isinstance(step, dict) else []
        if len(kinds) != 1 or kinds[0] not in KINDS | set(SKIPPED):
            raise CommandError(
                f"{path}: found {step!r} as step {number}; expected exactly one of {', '.join(sorted(KINDS))}"
            )
        if kinds[0] in SKIPPED:
            notes.append(f"step {number}, {kinds[0]}, is not simulated: {SKIPPED[kinds[0]]}")
            continue
        kept.append(step)
        if kinds[0] == "pause" and not (step["pause"] or {}).get("seconds"):
            notes.append(f"step {number}, pause, waits for a person: it is taken as resumed at once")
            kept[-1] = {"pause": {}}
    if not kept:
        raise CommandError(f"{path}: no step of it can be simulated; add one of kind weight or ramp")
    return kept


def _first_problem(path: Path, error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in ("spec", *first["loc"]))
    return f"{path}: {where}: {first['msg'].lower()}, found {first['input']!r}; docs/api.md has every field"
