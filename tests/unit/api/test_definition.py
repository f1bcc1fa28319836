"""The CustomResourceDefinition, walked; and the files made from it."""

import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tidegate.api.__main__ import CRD_FILES, DOCUMENT_FILE, main
from tidegate.api.definition import custom_resource_definition, root_schema
from tidegate.api.status import ModelDeploymentStatus

REPOSITORY = Path(__file__).parents[3]
UNITS = re.compile(r"\b(seconds?|milliseconds|percent|bytes|number|parts per million|ratio|share)\b", re.IGNORECASE)
DECIMALS = re.compile(r"(Percent|Rate|Ratio)$|^(min|max)$")


def walk(schema: Mapping[str, Any], path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield (path, schema) of every field below `schema`."""
    for name, child in schema.get("properties", {}).items():
        yield f"{path}.{name}", child
        yield from walk(child, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if key in schema:
            yield from walk(schema[key], path)


ROOT = root_schema()
SPEC = list(walk(ROOT["properties"]["spec"], "spec"))
STATUS = list(walk(ROOT["properties"]["status"], "status"))


def test_every_field_is_described_in_sentences() -> None:
    bad = [path for path, schema in SPEC + STATUS if not re.match(r"^[^\s].*\.$", schema.get("description", ""))]
    assert bad == []


def test_every_number_says_its_unit() -> None:
    numbers = [
        (path, schema["description"])
        for path, schema in SPEC + STATUS
        if schema.get("type") == "integer" or (path.startswith("spec") and DECIMALS.search(path.split(".")[-1]))
    ]
    assert len(numbers) > 30
    assert [path for path, description in numbers if not UNITS.search(description)] == []


def test_every_optional_field_of_spec_says_its_default() -> None:
    required = {
        f"{path}.{name}" for path, schema in [("spec", ROOT["properties"]["spec"]), *SPEC] for name in _required(schema)
    }
    silent = [
        path
        for path, schema in SPEC
        if path not in required and not re.search(r" Default( when unset)?: ", schema["description"])
    ]
    assert silent == []


def _required(schema: Mapping[str, Any]) -> list[str]:
    inner = schema.get("items", schema)
    names: list[str] = inner.get("required", [])
    return names


def test_every_constant_default_is_in_the_schema() -> None:
    assert dict(SPEC)["spec.rollout.steps"]["default"] == [{"schema": {}}, {"ramp": {"maxPercent": 50}}]
    assert dict(SPEC)["spec.rollout.analysis.statistics.tolerateOddsRatio"]["default"] == "1.25"


def test_the_status_of_a_new_object_fits_the_schema_field_for_field() -> None:
    dumped = ModelDeploymentStatus().model_dump(mode="json", by_alias=True)
    assert set(dumped) == set(ROOT["properties"]["status"]["properties"])


def test_printer_columns_name_fields_that_exist() -> None:
    paths = {path for path, _ in STATUS}
    columns = custom_resource_definition()["spec"]["versions"][0]["additionalPrinterColumns"]
    shown = [column["jsonPath"].removeprefix(".") for column in columns if ".status." in column["jsonPath"]]
    assert [path for path in shown if re.sub(r"\[.*\]", "", path) not in paths] == []
    assert [column["name"] for column in columns] == [
        "Ready", "Stable", "Candidate", "Weight", "Step", "Age", "Message",
    ]  # fmt: skip


def test_the_scale_subresource_names_fields_that_exist() -> None:
    paths = {path for path, _ in SPEC + STATUS}
    scale = custom_resource_definition()["spec"]["versions"][0]["subresources"]["scale"]
    assert [path for path in scale.values() if path.removeprefix(".") not in paths] == []


def test_generated_files_are_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(REPOSITORY)]) == 0, capsys.readouterr().err


def test_check_names_each_file_that_differs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in (*CRD_FILES, DOCUMENT_FILE):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, tmp_path / name)
    (tmp_path / DOCUMENT_FILE).write_text("something else")
    (tmp_path / CRD_FILES[0]).unlink()
    assert main(["check", str(tmp_path)]) == 1
    told = capsys.readouterr().err.splitlines()
    assert [line.split()[0] for line in told] == [str(tmp_path / CRD_FILES[0]), str(tmp_path / DOCUMENT_FILE)]
    assert all("make crds" in line for line in told)


def test_written_files_pass_the_check_and_hold_the_definition(tmp_path: Path) -> None:
    for command in ("crds", "docs", "check"):
        assert main([command, str(tmp_path)]) == 0
    assert yaml.safe_load((tmp_path / CRD_FILES[1]).read_text()) == custom_resource_definition()


def test_the_reference_page_has_every_field_once() -> None:
    page = (REPOSITORY / DOCUMENT_FILE).read_text()
    rows = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    assert len(rows) == len(SPEC + STATUS)
