"""`tidegate plan`: what applying a file would do."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from tidegate.api.names import revision_name
from tidegate.api.spec import ModelDeploymentSpec
from tidegate.cli.cluster import Cluster
from tidegate.cli.errors import DID_NOT_HAPPEN, CommandError
from tidegate.cli.expectation import Traffic, expectations, present_traffic
from tidegate.cli.foresee import Effect, effect_of, pods_text, step_lines
from tidegate.cli.lint import Files, findings
from tidegate.cli.manifest import Manifest, manifests
from tidegate.cli.options import on_cluster
from tidegate.cli.room import candidate_pods, needs, pods_that_fit
from tidegate.cli.text import paragraph
from tidegate.cli.view import entry, parse
from tidegate.clients.errors import ApiError
from tidegate.clients.transport import Document
from tidegate.rollout.resource import Resource

MARGIN = 10
Rps = Annotated[
    float | None, typer.Option("--rps", help="Requests a second on the route. (default: those the status tells of)")
]


@on_cluster
def plan(cluster: Cluster, file: Files, rps: Rps = None) -> int:
    """Tell what applying files would do: new revision or not, steps, room, expected time and harm. Changes nothing."""
    if rps is not None and not 0.0 < rps < float("inf"):
        raise CommandError(f"found --rps {rps}; expected more than 0: the route's requests a second, such as 40")
    ours = _ours(file)
    refused = [text for manifest in ours if (text := _planned(cluster, manifest, rps))]
    for sentence in refused:
        print(f"tidegate: {sentence}", file=sys.stderr)
    return DID_NOT_HAPPEN if refused else 0


def _ours(files: list[Path]) -> list[Manifest]:
    found = [manifest for file in files for manifest in manifests(file)]
    ours = [manifest for manifest in found if manifest.is_ours]
    for manifest in found:
        if not manifest.is_ours:
            print(f"{manifest.file}:{manifest.line(())}: skipped: {manifest.title}", file=sys.stderr)
    if not ours:
        raise CommandError(f"{', '.join(map(str, files))}: no ModelDeployment is in it; give -f a file that has one")
    return ours


def _planned(cluster: Cluster, manifest: Manifest, rps: float | None) -> str:
    """Print the plan of one document; returns the sentence of what would be refused, empty for nothing."""
    wrong = [finding.told for finding in findings(manifest) if finding.severity == "error"]
    if wrong:
        return "; ".join(wrong)
    document: Document = manifest.content
    name = document["metadata"]["name"]
    there = cluster.within(document["metadata"].get("namespace"))
    live = there.find(name)
    try:
        stored = there.dry_run({key: value for key, value in document.items() if key != "status"})
    except ApiError as error:
        return f"{name}: the API server refuses it: {_words(error)}"
    spec = ModelDeploymentSpec.model_validate(stored["spec"])
    resource = parse(live) if live is not None else None
    print(f"ModelDeployment {name} in namespace {there.namespace}")
    for label, text in _paragraphs(there, resource, name, spec, document, rps):
        print(paragraph(label, text, MARGIN))
    return ""


def _words(error: ApiError) -> str:
    if error.causes:
        return "; ".join(f"{cause.field}: {cause.message}" if cause.field else cause.message for cause in error.causes)
    return str(error).partition(f"HTTP {error.code}: ")[2] or str(error)


def _paragraphs(
    cluster: Cluster,
    live: Resource | None,
    name: str,
    spec: ModelDeploymentSpec,
    document: Document,
    rps: float | None,
) -> list[tuple[str, str]]:
    effect = effect_of(live, name, spec)
    told = [("changes", effect.change), ("then", effect.follows)]
    if revision_name(name, ModelDeploymentSpec.model_validate(document["spec"])) != revision_name(name, spec):
        told.append(("note", "some fields are not the file's: others set them, or an admission webhook added them"))
    if effect.judged:
        told += [("steps" if not index else "", line) for index, line in enumerate(step_lines(spec))]
    if effect.starts:
        told += [("room", line) for line in _room(cluster, live, spec, effect)]
    if effect.judged:
        told += [("expected" if not index else "", line) for index, line in enumerate(_expected(live, spec, rps))]
    return told


def _room(cluster: Cluster, live: Resource | None, spec: ModelDeploymentSpec, effect: Effect) -> list[str]:
    wanted = needs(spec, candidate_pods(spec) if effect.judged else spec.replicas)
    if not wanted:
        return ["no GPUs or other devices are asked for"]
    try:
        nodes, pods = cluster.nodes(), cluster.pods()
    except CommandError as error:
        nodes, pods, unknown = [], [], f"free ones are not known: {error}"
    else:
        unknown = ""
    lines = []
    serving = entry(live.status, live.status.stable) if live is not None else None
    beside = f" beside the {serving.replicas} of stable" if serving is not None and effect.judged else ""
    for need in wanted:
        fit = unknown or _free(pods_that_fit(need, spec, nodes, pods), need.pods)
        lines.append(
            f"at most {need.total} {need.resource}: {need.each} for each of {pods_text(need.pods)}{beside}; {fit}"
        )
    return lines


def _free(fitting: int, wanted: int) -> str:
    now = f"there is room for {pods_text(fitting)} now"
    if fitting >= wanted:
        return now
    return f"{now}: with less than {pods_text(wanted)} it gets less traffic, or none (CapacityTimeout)"


def _expected(live: Resource | None, spec: ModelDeploymentSpec, rps: float | None) -> list[str]:
    measured = present_traffic(live.status if live is not None else None)
    traffic = measured if rps is None else Traffic(rps, measured.error_rate if measured else 0.0)
    if traffic is None:
        return ["time and harm: the status tells no traffic; give --rps, the route's requests a second"]
    try:
        return expectations(spec, traffic)
    except ValueError as error:
        return [f"time and harm: {error}"]
