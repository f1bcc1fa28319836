"""What tests of commands about a cluster share."""

import pytest

from tests.unit.cli.double import Api, Shell, shell_on


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def shell(api: Api, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    return shell_on(api, monkeypatch, capsys)
