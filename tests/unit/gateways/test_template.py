"""Templates of a backend's label: filled in, found out when they cannot tell backends apart, and asked for exactly."""

import re

import pytest

from tidegate.gateways import ENVOY_GATEWAY, check_template
from tidegate.gateways.template import fill_in, pattern


@pytest.mark.parametrize(
    ("template", "filled_in"),
    [
        ("httproute/{namespace}/{name}/rule/0/backend/{index}", "httproute/demo/filetype/rule/0/backend/1"),
        ("{namespace}_{service}_8000", "demo_filetype-b_8000"),
        (
            "outbound|8000||{service}.{namespace}.svc.cluster.local",
            "outbound|8000||filetype-b.demo.svc.cluster.local",
        ),
        ("{{{namespace}/{name}/{slot}}}", "{demo/filetype/b}"),
    ],
)
def test_a_template_is_filled_in_and_asked_for_to_the_letter(template: str, filled_in: str) -> None:
    check_template(template)
    found = fill_in(template, "demo", "filetype", "b")
    assert found == filled_in
    assert re.fullmatch(pattern(found), found)
    assert not re.fullmatch(pattern(found), found.replace(".", "x").replace("|", "x").replace("{", "x") + "x")
    assert "\\" not in pattern(found)


def test_a_dot_in_a_value_is_a_dot_and_nothing_else() -> None:
    assert not re.fullmatch(pattern("a.b|c"), "axb|c")
    assert not re.fullmatch(pattern("a.b|c"), "a.b")


def test_the_built_in_template_is_one() -> None:
    check_template(ENVOY_GATEWAY.backend_value)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{namespace}/{service}/{port}", "there is {port}"),
        ("{namespace}/{service}/{}", "there is {}"),
        ("{namespace}/{name}/{index:02}", "there is {index:02}"),
        ("{namespace!r}/{service}", "there is {namespace!r}"),
        ("{namespace.__class__}/{service}", "there is {namespace.__class__}"),
        ("{namespace}/{service", "expected '}' before end of string"),
        ("{namespace}/{service}}", "Single '}' encountered"),
        ("{namespace}/{name}", "a value for each slot: put {index}, {slot} or {service}"),
        ("fixed", "a value for each slot"),
        ("", "a value for each slot"),
        ("{service}", "a value for each namespace: put {namespace}"),
        ("{namespace}/{slot}", "a value for each ModelDeployment: put {name} or {service}"),
        ('{namespace}/{service}"', "no blank, double quote, backslash or ^"),
        ("{namespace} {service}", "no blank"),
    ],
)
def test_a_template_that_cannot_tell_backends_apart_is_found_out(template: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        check_template(template)
