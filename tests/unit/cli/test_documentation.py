"""docs/cli.md has every command and every option."""

import re
import tomllib
from pathlib import Path

import pytest
import typer.main

from tidegate.cli.app import app

PAGE_FILE = Path(__file__).parents[3] / "docs" / "cli.md"
PAGE = PAGE_FILE.read_text()
COMMANDS = {command.callback.__name__: command for command in app.registered_commands if command.callback}


def test_every_command_is_documented() -> None:
    assert [name for name in COMMANDS if f"`{name}`" not in PAGE] == []
    assert len(COMMANDS) > 13


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "simulate"])
def test_every_option_is_documented(name: str) -> None:
    command = typer.main.get_command_from_info(COMMANDS[name], pretty_exceptions_short=False, rich_markup_mode=None)
    options = {option for parameter in command.params for option in parameter.opts + parameter.secondary_opts}
    missing = [option for option in options if option.startswith("--") and not re.search(rf"{option}\b", PAGE)]
    assert set(missing) <= {"--file", "--wait"}


def test_the_tables_of_exit_codes_are_those_of_the_program() -> None:
    codes = re.findall(r"^\| (\d) \|", PAGE, re.MULTILINE)
    assert codes == ["0", "1", "2", "3", "4"] * 2


def test_the_program_is_a_plugin_of_kubectl_as_well() -> None:
    scripts = tomllib.loads((PAGE_FILE.parents[1] / "pyproject.toml").read_text())["project"]["scripts"]
    assert scripts["kubectl-tidegate"] == scripts["tidegate"] == "tidegate.cli:main"
