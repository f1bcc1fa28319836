"""Run all of it: ``python -m bench.judge`` in a quick size, ``--full`` for the figures in the documentation."""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.markdown import Markdown

from bench.judge.detection import false_alarms, harm_and_time
from bench.judge.figures import Table
from bench.judge.healthy import healthy_grid, long_services, tolerated
from bench.judge.promotions import promotion_table
from bench.judge.render import document, markdown
from bench.judge.whole import whole_rollouts

REPOSITORY = Path(__file__).parents[2]
QUICK, FULL = 400, 20_000
# What a false alarm costs is told by many runs, what harm costs by fewer.
PARTS: tuple[Callable[[int, int], Sequence[Table]], ...] = (
    lambda runs, seed: [false_alarms(runs, seed)],
    lambda runs, seed: harm_and_time(max(1, runs // 4), seed),
    lambda runs, seed: [healthy_grid(runs, seed), tolerated(runs, seed)],
    lambda runs, seed: [long_services(max(1, runs // 4), seed)],
    lambda runs, seed: [promotion_table(max(1, runs // 4), seed)],
    lambda runs, seed: [whole_rollouts(max(1, runs // 10), seed)],
)


def tables(runs: int, seed: int, console: Console) -> Iterator[Table]:
    """Every table, said as it is done."""
    for part in PARTS:
        begun = time.monotonic()
        for table in part(runs, seed):
            console.print(f"{table.title}, {time.monotonic() - begun:.0f} s", style="dim")
            yield table


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the report; return 1 if a bound is not kept."""
    parser = argparse.ArgumentParser("python -m bench.judge", description="What the judge does, in figures")
    parser.add_argument("--full", action="store_true", help="full size, written into docs/ (else quick, into build/)")
    parser.add_argument("--runs", type=int, help=f"runs a cell (default {QUICK}, full {FULL})")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same figures (default 1)")
    options = parser.parse_args(arguments)
    runs = options.runs or (FULL if options.full else QUICK)
    console = Console(highlight=False)
    made = list(tables(runs, options.seed, console))
    folder, name = (REPOSITORY / "docs", "bench-judge") if options.full else (REPOSITORY / "build", "judge")
    folder.mkdir(exist_ok=True)
    page = markdown(made, "python -m bench.judge --full" if options.full else "python -m bench.judge")
    (folder / f"{name}.md").write_text(page)
    (folder / f"{name}.json").write_text(document(made))
    console.print(Markdown(page))
    broken = [bound for table in made for bound in table.bounds if not bound.holds]
    for bound in broken:
        console.print(f"not kept  {bound.name}: {bound.found:g}, at most {bound.most:g}", markup=False)
    # A quick run is too small for its limits to be under the bounds.
    return 1 if broken and options.full else 0


if __name__ == "__main__":
    sys.exit(main())
