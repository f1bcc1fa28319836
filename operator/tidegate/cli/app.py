"""All commands of `tidegate`."""

import sys
from collections.abc import Callable, Sequence

import typer
from typer.exceptions import Abort, TyperException

from tidegate.cli.errors import CommandError
from tidegate.cli.explain import explain
from tidegate.cli.get import get
from tidegate.cli.history import history
from tidegate.cli.lint import lint
from tidegate.cli.plan import plan
from tidegate.cli.simulate import simulate
from tidegate.cli.verbs import VERBS
from tidegate.cli.wait import wait
from tidegate.cli.watch import watch

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
    help="Bring machine-learning models into production.",
)
COMMANDS: tuple[Callable[..., object], ...] = (
    get,
    watch,
    explain,
    history,
    *VERBS.values(),
    wait,
    plan,
    lint,
    simulate,
)
for command in COMMANDS:
    app.command()(command)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; what cannot be done is one sentence on standard error."""
    try:
        return int(app(arguments, standalone_mode=False) or 0)
    except CommandError as error:
        print(f"tidegate: {error}", file=sys.stderr)
        return error.code
    except TyperException as error:
        if message := error.format_message().rstrip("."):
            print(f"tidegate: {message}; try `tidegate --help`, or a command with --help", file=sys.stderr)
    except (Abort, KeyboardInterrupt):
        return 130
    return 2
