"""All commands of `tidegate`."""

import sys
from collections.abc import Sequence

import typer
from typer.exceptions import Abort, TyperException

from tidegate.cli.errors import CommandError
from tidegate.cli.simulate import simulate

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Bring machine-learning models into production.")
app.command()(simulate)


@app.callback()
def _commands() -> None:
    """Make `simulate` a command of its own though it is the only one."""


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; what cannot be done is one sentence on standard error."""
    try:
        return int(app(arguments, standalone_mode=False) or 0)
    except CommandError as error:
        print(f"tidegate: {error}", file=sys.stderr)
    except TyperException as error:
        if message := error.format_message().rstrip("."):
            print(f"tidegate: {message}; try `tidegate --help`, or a command with --help", file=sys.stderr)
    except Abort:
        return 130
    return 2
