"""The schema as `tidegate lint` checks it: what the API server refuses, in its words where they are the resource's."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.test_schema_refusals import CASES, TABLE, UNKNOWN, edited
from tidegate.api.definition import root_schema
from tidegate.cli.cel import compiled
from tidegate.cli.quantity import Quantity, is_quantity
from tidegate.cli.schema import problems

SCHEMA = root_schema()
EXAMPLES = sorted((Path(__file__).parents[3] / "examples").glob("*.yaml"))


def test_the_table_of_refusals_is_there() -> None:
    assert len(CASES) > 60


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"].replace(" ", "-"))
def test_what_the_api_server_refuses_is_refused(case: dict[str, Any]) -> None:
    found = problems(edited(TABLE["base"], case), SCHEMA)
    assert case["field"] in [problem.field for problem in found]
    if "expected" in case["says"]:
        assert [(problem.field, problem.message) for problem in found] == [(case["field"], case["says"])]


@pytest.mark.parametrize("case", UNKNOWN, ids=lambda case: case["says"].split('"')[1])
def test_unknown_fields_are_refused(case: dict[str, Any]) -> None:
    (problem,) = problems(edited(TABLE["base"], case), SCHEMA)
    assert problem.field == case["says"].split('"')[1]
    assert problem.message.startswith("there is no such field; ")


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_examples_are_accepted(file: Path) -> None:
    documents = [found for found in yaml.safe_load_all(file.read_text()) if found["kind"] == "ModelDeployment"]
    assert documents
    assert [problem for document in documents for problem in problems(document, SCHEMA)] == []


def test_a_typing_error_is_answered_with_the_field_that_is_meant() -> None:
    document = edited(TABLE["base"], {"set": {"spec.replcas": 2}})
    (problem,) = problems(document, SCHEMA)
    assert problem.message == "there is no such field; did you mean replicas?"


def test_a_number_that_has_to_be_a_string_is_told_how_to_write_it() -> None:
    document = edited(TABLE["base"], {"set": {"spec.rollout": {"analysis": {"errors": {"maxSharePercent": 0.5}}}}})
    (problem,) = problems(document, SCHEMA)
    assert problem.message == 'found 0.5; expected a value of type string, in quotation marks: "0.5"'


@pytest.mark.parametrize(
    ("field", "value"), [("spec.replicas", True), ("spec.suspend", 1), ("spec.replicas", "2"), ("spec.replicas", 1.5)]
)
def test_a_value_of_another_type_is_refused(field: str, value: object) -> None:
    (problem,) = problems(edited(TABLE["base"], {"set": {field: value}}), SCHEMA)
    assert problem.field == field
    assert "expected a value of type" in problem.message


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1 < 2 ? 'yes' : 'no'", "yes"),
        ("!(self.size() == 2) || false", False),
        ("self.exists_one(item, item == 3)", True),
        ("self.map(item, item == -1 ? 0 : item).sum()", 7),
        ("'%s of %s%%'.format([self, 'x'])", "[3, 4] of x%"),
        ("has(self.a)", False),
        ("'a\\n'.matches('^a$')", False),
        ("3 in self && self[1] == 4", True),
        ("double('1.5') > 1.25", True),
    ],
)
def test_the_language_of_the_rules(expression: str, value: object) -> None:
    scope: Any = {"a": None} if expression.startswith("has") else [3, 4]
    assert compiled(expression)({"self": scope}) == value


@pytest.mark.parametrize("expression", ["self +", "1 2", "(1", "#"])
def test_what_is_no_cel_is_an_error(expression: str) -> None:
    with pytest.raises(ValueError, match="Failed to parse"):
        compiled(expression)


@pytest.mark.parametrize("expression", ["unknown(1)", "self.unknown()"])
def test_a_function_that_is_not_known_is_an_error(expression: str) -> None:
    with pytest.raises(RuntimeError, match="unknown"):
        compiled(expression)({"self": {}})


@pytest.mark.parametrize(
    ("one", "other", "order"), [("1", "1000m", 0), ("1Gi", "1G", 1), ("100m", "0.2", -1), ("1e3", "1k", 0)]
)
def test_quantities_are_compared(one: str, other: str, order: int) -> None:
    assert Quantity(one).compared_to(Quantity(other)) == order


def test_what_is_a_quantity() -> None:
    assert [text for text in ("1", "2Gi", "-1", "500m", "", "lots", "1 Gi", "1gi") if is_quantity(text)] == [
        *("1", "2Gi", "-1", "500m")
    ]
    assert (Quantity("1500m").is_whole, Quantity("2000m").is_whole) == (False, True)
