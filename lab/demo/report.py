"""How the demo ends: a table for people, the same as JSON for programs."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from lab.demo.stages import Stage, StageResult, problems


def result_table(results: Sequence[StageResult]) -> Table:
    """Return the closing table."""
    table = Table(title="What happened, counted at the client")
    table.add_column("what", no_wrap=True)
    for name in ("seconds", "requests", "failed", "beyond\nstable's\nrate"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("outcome", no_wrap=True)
    for result in results:
        style = "green" if result.outcome is result.expected else "red"
        table.add_row(
            result.title,
            f"{result.seconds:.0f}",
            f"{result.requests:,}",
            f"{result.failed:,}",
            f"{result.failed_beyond_stable:.1f}",
            f"[{style}]{result.outcome}[/{style}]",
        )
    return table


def write_report(file: Path, stages: Sequence[Stage], results: Sequence[StageResult], *, seconds: float) -> None:
    """Write the table, what went wrong, and how long all of it took, as JSON."""
    document = {
        "seconds": round(seconds, 1),
        "problems": problems(stages, results),
        "stages": [rounded(dataclasses.asdict(result)) for result in results],
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(document, indent=2) + "\n")


def rounded(values: dict[str, object]) -> dict[str, object]:
    """Return the values with fractions cut to hundredths."""
    return {key: round(value, 2) if isinstance(value, float) else value for key, value in values.items()}
