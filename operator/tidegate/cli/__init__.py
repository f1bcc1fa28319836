"""The command line: `tidegate`. One file a command."""

import importlib
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
    raise SystemExit(app.run())
