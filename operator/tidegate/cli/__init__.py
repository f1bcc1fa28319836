"""The command line: `tidegate`. One file a command."""

import importlib
import os
import sys


def main() -> None:
    """Run it, or say what is missing."""
    try:
        app = importlib.import_module("tidegate.cli.app")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("tidegate"):
            raise
        print(f"tidegate: {error.name} is not installed; try: pip install 'tidegate[cli]'", file=sys.stderr)
        raise SystemExit(1) from error
    try:
        code = app.run()
    except BrokenPipeError:
        # Who reads the output has seen enough; what is left in the buffer must not be written at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:
        print(
            f"tidegate: {type(error).__name__}: {error}; this is a mistake of ours, please report it", file=sys.stderr
        )
        code = 2
    raise SystemExit(code)
