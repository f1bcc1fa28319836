"""Which profile a route's requests are counted by, and what is said where there is none."""

from dataclasses import replace

import pytest

from tidegate.gateways import ENVOY_GATEWAY, GatewayProfile, Gateways

ENVOY = ENVOY_GATEWAY.controller_name
OTHER = replace(ENVOY_GATEWAY, controller_name="example.com/other", backend_value="{namespace}_{service}_8000")
TWIN = replace(ENVOY_GATEWAY, controller_name="example.com/twin")


@pytest.mark.parametrize(
    ("configured", "controllers", "expected"),
    [
        ((), (ENVOY,), ENVOY_GATEWAY),
        ((), ("example.com/other",), None),
        ((), (), None),
        ((OTHER,), ("example.com/other",), OTHER),
        ((OTHER,), (ENVOY,), ENVOY_GATEWAY),
        ((OTHER,), (ENVOY, "example.com/other"), None),
        ((OTHER,), (ENVOY, "example.com/unknown"), None),
        ((TWIN,), (ENVOY, "example.com/twin"), ENVOY_GATEWAY),
    ],
)
def test_s30a_one_profile_must_fit_every_gateway_of_a_route(
    configured: tuple[GatewayProfile, ...], controllers: tuple[str, ...], expected: GatewayProfile | None
) -> None:
    gateways = Gateways(configured)
    assert gateways.profile_of(controllers) == expected
    assert (gateways.why_not(controllers) == "") is (expected is not None or not controllers)


def test_a_configured_profile_replaces_the_one_that_is_built_in() -> None:
    replaced = replace(OTHER, controller_name=ENVOY)
    gateways = Gateways([replaced])
    assert gateways.profile_of((ENVOY,)) is replaced
    assert gateways.known == (ENVOY,)


def test_s30a_the_message_names_what_was_found_what_is_known_and_what_to_do() -> None:
    found = Gateways([OTHER]).why_not(("example.com/new",))
    assert found == (
        "the route is run by example.com/new, and no profile of it is known, only of example.com/other and "
        f"{ENVOY}; attach it to Gateways of one known controller, or have an administrator describe what runs it under "
        "`gateways` in the operator's configuration"
    )


def test_s30a_of_several_controllers_all_are_named() -> None:
    unlike = Gateways([OTHER]).why_not(("example.com/other", ENVOY))
    assert unlike.startswith(
        f"the route is run by example.com/other and {ENVOY}, whose requests are not counted alike; "
    )
    unknown = Gateways().why_not(("example.com/new", "example.com/newer", ENVOY))
    assert f"run by example.com/new, example.com/newer and {ENVOY}, and no profile of example.com/new and" in unknown
