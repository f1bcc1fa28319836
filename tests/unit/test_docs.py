"""The documentation says what the code says: reasons, metrics, settings, alerts, examples, links, proofs."""

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel

from tidegate.api.conditions import CONDITION_TYPES
from tidegate.api.names import REQUEST_VERBS, annotation
from tidegate.api.spec import ModelDeploymentSpec
from tidegate.controller.gateway_settings import GatewaySettings
from tidegate.controller.metrics import Metrics
from tidegate.controller.settings import Settings, parse_settings
from tidegate.gateways import ENVOY_GATEWAY
from tidegate.runtimes.base import HTTP_PORT

REPOSITORY = Path(__file__).parents[2]
DOCS = REPOSITORY / "docs"
TIDEGATE = REPOSITORY / "operator" / "tidegate"
PAGES = sorted([*REPOSITORY.glob("*.md"), *DOCS.rglob("*.md")])

# Where reasons come from. Every word in CamelCase there is one, or is named among the other words below.
ROOMS = (
    *(file for room in ("rollout", "judge") for file in sorted((TIDEGATE / room).rglob("*.py"))),
    TIDEGATE / "controller" / "measure.py",
    TIDEGATE / "controller" / "observe.py",
    TIDEGATE / "controller" / "reconciler.py",
    TIDEGATE / "clients" / "prometheus.py",
)
KINDS_AND_CONDITIONS = {
    *(
        "ConfigMap",
        "ControllerRevision",
        "Deployment",
        "EndpointSlice",
        "Pod",
        "PodScheduled",
        "ResolvedRefs",
        "Service",
    ),
    *("True", "False", "Unknown", "Normal", "Warning", *CONDITION_TYPES),
    *("ContainerCreating", "Failed", "NamespaceTerminating", "ReplicaFailure", "Succeeded"),
}
WORDS_OF_THE_PLANNER = {
    *("Capacity", "Infrastructure", "Model", "Insufficient", "Candidate", "Previous", "Stable"),
    *("Promote", "Rollback", "Hold", "Error", "Fail", "NoData", "Pass", "Prometheus"),
    # Values of spec.rollout.afterPromotion and spec.rollout.analysis.promotion.
    *("Undo", "Auto"),
    # Told as ImagePullBackOff.
    "ErrImagePull",
}
NAMES_OF_CLASSES = {
    *("Counts", "Event", "Evidence", "HarmEvidence", "NonInferiorityEvidence", "Plan", "Progress", "Resource"),
    *("SlotSeries", "Stratum", "ThresholdEvidence"),
}
WORDS_OF_HTTP = {"Accept", "Authorization", "Date"}
# Raised as `MetricsUnavailable` where the HTTP library's exceptions become our own.
TRANSPORT = {"Refused", "Timeout", "Tls", "Unreachable"}

CAMEL_CASE = re.compile(r"(?:[A-Z][a-z]+)+")
IN_CODE_STYLE = re.compile(r"`([^`]+)`")
LINK = re.compile(r"\[[^]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
YAML_BLOCK = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SCENARIO_TEST = re.compile(r"def test((?:_s\d+[a-z]?)+)_")
SCENARIO_ROW = re.compile(r"^\| (S\d+[a-z]?) \|.*\| ([^|]+) \|$", re.MULTILINE)


def text_of(page: Path) -> str:
    return page.read_text()


def words_in_code() -> set[str]:
    found = {
        node.value
        for room in ROOMS
        for node in ast.walk(ast.parse(room.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and CAMEL_CASE.fullmatch(node.value)
    }
    return found | TRANSPORT


def reasons() -> set[str]:
    return words_in_code() - KINDS_AND_CONDITIONS - WORDS_OF_THE_PLANNER - NAMES_OF_CLASSES - WORDS_OF_HTTP


def words_in_first_cells(page: Path) -> set[str]:
    rows = [line for line in text_of(page).splitlines() if line.startswith("| ")]
    return {word for row in rows for word in IN_CODE_STYLE.findall(row.split("|")[1])}


def test_every_reason_is_documented() -> None:
    assert reasons() - words_in_first_cells(DOCS / "conditions.md") == set()


def test_every_documented_reason_exists() -> None:
    assert words_in_first_cells(DOCS / "conditions.md") - words_in_code() - set(CONDITION_TYPES) == set()


def test_reasons_are_found_in_every_room() -> None:
    known = {"RolledBack", "Harm", "NoRoute", "RouteNotAccepted", "MetricsUnavailable", "ClockSkew", "Unschedulable"}
    assert known <= reasons()


def test_every_condition_and_request_is_documented() -> None:
    assert set(CONDITION_TYPES) <= words_in_first_cells(DOCS / "conditions.md")
    requests = {word for word in words_in_first_cells(DOCS / "operations.md") if word.startswith("tidegate.dev/")}
    assert requests == {annotation(verb) for verb in REQUEST_VERBS}


def test_metrics_are_documented() -> None:
    exposed = {family.name + ("_total" if family.type == "counter" else "") for family in Metrics().registry.collect()}
    cells = words_in_first_cells(DOCS / "operations.md")
    documented = {word.partition("{")[0] for word in cells if word.startswith("tidegate_")}
    assert documented == exposed


def test_alerts_are_documented() -> None:
    template = (REPOSITORY / "charts" / "tidegate" / "templates" / "prometheusrule.yaml").read_text()
    alerts = set(re.findall(r"alert: (\w+)", template))
    assert alerts
    assert {word for word in words_in_first_cells(DOCS / "operations.md") if re.match("Tidegate[A-Z]", word)} == alerts


def test_alerts_and_the_dashboard_show_metrics_there_are() -> None:
    chart = REPOSITORY / "charts" / "tidegate"
    dashboard = json.loads((chart / "files" / "dashboard.json").read_text())
    panels = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    asked = [*panels, *(variable["query"] for variable in dashboard["templating"]["list"])]
    asked.append((chart / "templates" / "prometheusrule.yaml").read_text())
    shown = {name.removesuffix("_bucket") for text in asked for name in re.findall(r"tidegate_\w+", text)}
    exposed = {family.name + ("_total" if family.type == "counter" else "") for family in Metrics().registry.collect()}
    assert len(panels) > 10
    assert shown <= exposed


def leaves(section: BaseModel, prefix: str = "") -> Iterator[str]:
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        key = f"{prefix}{field.alias or name}"
        if isinstance(value, BaseModel):
            yield from leaves(value, f"{key}.")
        else:
            yield key


def test_settings_are_documented() -> None:
    cells = words_in_first_cells(DOCS / "operations.md")
    assert set(leaves(Settings())) - cells == set()


def keys_of(section: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in section.model_fields.items():
        kinds = (field.annotation, *get_args(field.annotation))
        inner = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)
        if inner is None:
            yield f"{prefix}{field.alias or name}"
        else:
            yield from keys_of(inner, f"{prefix}{field.alias or name}.")


def test_what_describes_a_gateway_is_documented() -> None:
    described = set(keys_of(GatewaySettings))
    assert {"controllerName", "errors.labels", "latency.edgeLabel"} <= described
    assert described - words_in_first_cells(DOCS / "operations.md") == set()


def yaml_blocks(page: Path) -> list[Any]:
    return [document for block in YAML_BLOCK.findall(text_of(page)) for document in yaml.safe_load_all(block)]


def test_the_configuration_shown_is_one() -> None:
    shown = [
        block for block in yaml_blocks(DOCS / "operations.md") if isinstance(block, dict) and "prometheus" in block
    ]
    assert len(shown) == 1
    assert set(shown[0]) == {field.alias or name for name, field in Settings.model_fields.items()}
    parse_settings(shown[0], "docs/operations.md")


def test_the_gateway_shown_is_one() -> None:
    blocks = [block for block in yaml_blocks(DOCS / "operations.md") if isinstance(block, dict)]
    (shown,) = [block for block in blocks if set(block) == {"gateways"}]
    (gateway,) = parse_settings(shown, "docs/operations.md").gateways
    profile = gateway.profile()
    assert replace(profile, backend_value=ENVOY_GATEWAY.backend_value) == ENVOY_GATEWAY
    assert profile.backend("demo", "filetype", "a") == f"demo_filetype-a_{HTTP_PORT}"


def test_the_resource_shown_is_one() -> None:
    shown = [block for block in yaml_blocks(REPOSITORY / "README.md") if block.get("kind") == "ModelDeployment"]
    assert len(shown) == 1
    ModelDeploymentSpec.model_validate(shown[0]["spec"])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_links_lead_somewhere(page: Path) -> None:
    broken = [link for link in LINK.findall(FENCE.sub("", text_of(page))) if not leads_somewhere(page, link)]
    assert broken == []


def leads_somewhere(page: Path, link: str) -> bool:
    if re.match("[a-z]+:", link):
        return True
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    if not target.exists() or not target.is_relative_to(REPOSITORY):
        return False
    return not anchor or anchor in {anchor_of(heading) for heading in HEADING.findall(FENCE.sub("", text_of(target)))}


def anchor_of(heading: str) -> str:
    """Name GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_every_page_is_in_the_index() -> None:
    linked = set(LINK.findall(text_of(DOCS / "README.md")))
    assert {page.name for page in DOCS.glob("*.md")} - {"README.md"} - linked == set()


def proofs() -> dict[str, set[Path]]:
    found: dict[str, set[Path]] = {}
    for file in sorted((REPOSITORY / "tests").rglob("test_*.py")):
        for numbers in SCENARIO_TEST.findall(file.read_text()):
            for number in numbers.strip("_").split("_"):
                found.setdefault(number.capitalize(), set()).add(file)
    return found


def rows() -> dict[str, str]:
    return dict(SCENARIO_ROW.findall(text_of(DOCS / "scenarios.md")))


def linked_files(cell: str) -> set[Path]:
    return {(DOCS / link).resolve() for link in LINK.findall(cell)}


def test_every_scenario_is_proven_where_the_page_says() -> None:
    claimed = {number: cell for number, cell in rows().items() if not cell.startswith("not yet")}
    assert claimed
    wrong = {number: cell for number, cell in claimed.items() if not linked_files(cell) <= proofs().get(number, set())}
    assert wrong == {}
    assert [number for number, cell in claimed.items() if not linked_files(cell)] == []


def test_every_scenario_that_is_proven_is_told() -> None:
    assert {number for number in proofs() if rows().get(number, "not yet").startswith("not yet")} == set()
