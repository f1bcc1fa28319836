"""What is watched, and under which settings."""

import itertools

import pytest
from kubernetes.aio.client.configuration import Configuration

from tidegate.api.names import KIND
from tidegate.clients.kinds import KINDS
from tidegate.controller.handlers import OWNED_KINDS, build_registry, build_settings


async def _login() -> Configuration:
    return Configuration()


def test_owned_kinds_are_watched_by_label_and_our_own_without() -> None:
    selectors = build_settings().watching.label_selectors
    assert len(selectors) == len(OWNED_KINDS)
    for kind in OWNED_KINDS:
        entry = KINDS[kind]
        assert selectors[entry.group, entry.version, entry.plural] == "tidegate.dev/modeldeployment"


def test_kopf_writes_nothing() -> None:
    settings = build_settings()
    assert settings.peering.standalone
    assert not settings.posting.enabled
    registry = build_registry((KIND, *OWNED_KINDS), lambda key: None, _login)
    assert len(registry._watching.get_all_handlers()) == 1 + len(OWNED_KINDS)
    for kind in (registry._changing, registry._spawning, registry._indexing, registry._webhooks):
        assert kind.get_all_handlers() == []


def test_an_unreachable_api_server_is_tried_for_ever() -> None:
    backoffs = build_settings().networking.error_backoffs
    assert not isinstance(backoffs, int | float)
    for _ in range(2):
        waits = list(itertools.islice(iter(backoffs), 1000))
        assert waits[0] < 1
        assert max(waits) == waits[-1] == 10.0


@pytest.mark.parametrize("kinds", [(KIND,), (KIND, "Deployment")])
def test_kinds_that_are_not_installed_get_no_handler(kinds: tuple[str, ...]) -> None:
    handlers = build_registry(kinds, lambda key: None, _login)._watching.get_all_handlers()
    assert [handler.selector.any_name for handler in handlers if handler.selector] == [
        KINDS[kind].plural for kind in kinds
    ]
