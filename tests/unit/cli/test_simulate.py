"""`tidegate simulate` as people and pipelines use it."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from tidegate.cli import main
from tidegate.cli.app import app, run
from tidegate.cli.chart import HEIGHT, WIDTH, outcome_chart, weight_chart
from tidegate.cli.document import read_document
from tidegate.simulation.flagger import simulate_flagger
from tidegate.simulation.situation import Situation

FEW = ["--runs", "40"]
KEYS = {
    "rollback_rate",
    "promote_rate",
    "inconclusive_rate",
    "median_seconds",
    "excess_bad_mean",
    "excess_bad_p95",
    "runs",
}
PLENTY = {"statistics": {"harmBudgetRequests": 1_000_000}}
REPOSITORY = Path(__file__).parents[3]


def file_with(path: Path, **rollout: Any) -> str:
    """A ModelDeployment's file with such a rollout."""
    spec = {
        "model": {"source": {"image": {"reference": "models/filetype:1"}}},
        "runtime": {"triton": {}},
        "replicas": 4,
        "traffic": {"parentRefs": [{"name": "inference"}], "hostnames": ["a.example.com"], "timeoutSeconds": 5},
        "rollout": rollout,
    }
    file = path / "deployment.yaml"
    file.write_text(yaml.safe_dump({"kind": "ModelDeployment", "metadata": {"name": "filetype"}, "spec": spec}))
    return str(file)


def figures(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """What a simulation of few runs prints as JSON."""
    assert run(["simulate", "--json", *FEW, *arguments]) == 0
    printed: dict[str, Any] = json.loads(capsys.readouterr().out)
    return printed


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The sentence of a command that cannot be done."""
    assert run(["simulate", *FEW, *arguments]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1
    return told.err


def test_json_has_the_keys_promised(capsys: pytest.CaptureFixture[str]) -> None:
    found = figures(capsys, "--rps", "40", "--error-rate", "0.5%", "--candidate-error-rate", "0.5")
    assert set(found) == KEYS
    assert found["rollback_rate"] == 1.0
    assert found["runs"] == 40
    assert found["median_seconds"] < 120
    assert found["excess_bad_p95"] >= found["excess_bad_mean"] > 0


def test_json_of_a_comparison_has_both(capsys: pytest.CaptureFixture[str]) -> None:
    found = figures(capsys, "--rps", "40", "--compare", "flagger")
    assert set(found) == KEYS | {"flagger"}
    assert set(found["flagger"]) == KEYS
    assert found["promote_rate"] == found["flagger"]["promote_rate"] == 1.0


def test_seeds_make_the_output_reproducible(capsys: pytest.CaptureFixture[str]) -> None:
    situation = ("--rps", "40", "--error-rate", "0.01", "--candidate-error-rate", "0.05")
    first, again, other = (figures(capsys, *situation, "--seed", seed) for seed in ("3", "3", "4"))
    assert first == again
    assert first != other


def test_shares_may_be_written_in_percent(capsys: pytest.CaptureFixture[str]) -> None:
    assert figures(capsys, "--rps", "9", "--error-rate", "0.2 %") == figures(
        capsys, "--rps", "9", "--error-rate", "0.002"
    )


def test_a_file_decides_the_rollout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    slow = file_with(tmp_path, steps=[{"weight": {"percent": 50, "seconds": 900}}])
    with_file = figures(capsys, "--rps", "40", "-f", slow)
    assert with_file["median_seconds"] > figures(capsys, "--rps", "40")["median_seconds"] + 600


def test_flags_go_before_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = file_with(tmp_path, analysis={"intervalSeconds": 10})
    assert figures(capsys, "--rps", "40", "-f", file, "--interval", "60") != figures(capsys, "--rps", "40", "-f", file)


def test_no_verdict_is_told_as_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = file_with(tmp_path, analysis={"promotion": "NonInferior", "maxSeconds": 60})
    found = figures(capsys, "--rps", "0.5", "-f", file)
    assert (found["inconclusive_rate"], found["median_seconds"]) == (1.0, None)


@pytest.mark.parametrize("step", [{"schema": {}}, {"golden": {"configMap": "g"}}, {"shadow": {}}, {"match": {}}])
def test_steps_that_cannot_be_simulated_are_told(
    step: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = file_with(tmp_path, steps=[step, {"ramp": {}}])
    assert run(["simulate", "--rps", "40", "--json", *FEW, "-f", file]) == 0
    told = capsys.readouterr()
    assert f"note: step 1, {next(iter(step))}, is not simulated" in told.err
    assert set(json.loads(told.out)) == KEYS
    assert run(["simulate", "--rps", "40", *FEW, "-f", file]) == 0
    assert f"note: step 1, {next(iter(step))}, is not simulated" in capsys.readouterr().out


def test_pauses_for_people_and_queries_are_told(tmp_path: Path) -> None:
    query = {"name": "accuracy", "query": "a", "min": "0.9"}
    steps = [{"pause": {}}, {"ramp": {}}, {"pause": {"seconds": 9}}]
    document = read_document(Path(file_with(tmp_path, steps=steps, analysis={"queries": [query]})))
    assert [re.sub(":.*", "", note) for note in document.notes] == [
        "step 1, pause, waits for a person",
        "analysis.queries are not simulated",
    ]
    assert [step.pause is not None for step in document.rollout.steps] == [True, False, True]


def test_a_files_latency_is_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    latency = {"boundMilliseconds": 250, "maxSharePercent": "2"}
    file = file_with(tmp_path, steps=[{"weight": {"percent": 50}}], analysis={"latency": latency, **PLENTY})
    assert read_document(Path(file)).rollout.analysis.latency is not None
    found = figures(capsys, "--rps", "40", "-f", file, "--latency", "20", "--candidate-latency", "90")
    assert found["rollback_rate"] == 1.0
    assert found == figures(
        capsys, "--rps", "40", "-f", file, "--latency", "20", "--candidate-latency", "90", "--latency-bound", "250"
    )


def test_every_example_can_be_read() -> None:
    for file in sorted((REPOSITORY / "examples").glob("*.yaml")):
        if "kind: ModelDeployment" in file.read_text():
            read_document(file)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "Missing option '--rps'"),
        (["--rps", "0"], "found --rps 0.0; expected more than 0"),
        (["--rps", "many"], "Invalid value for '--rps'"),
        (["--rps", "9", "--error-rate", "7"], "found 7; expected a share from 0 to 1"),
        (["--rps", "9", "--runs", "0"], "found --runs 0; expected 1 to"),
        (["--rps", "9", "--seed", "-1"], "found --seed -1; expected 0 or more"),
        (["--rps", "9", "--scrape", "-5"], "found --scrape -5.0; expected more than 0"),
        (["--rps", "9", "--compare", "argo"], "the only other rule known is flagger"),
        (["--rps", "9", "--candidate-latency", "9"], "none of stable; give --latency as well"),
        (["--rps", "9", "--latency", "9"], "found --latency without a bound; give --latency-bound"),
        (["--rps", "9", "-f", "nowhere.yaml"], "cannot read nowhere.yaml"),
    ],
)
def test_mistakes_are_told_in_a_sentence(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert told in refusal(capsys, *arguments)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("kind: Service", "holds no ModelDeployment; give -f"),
        ("kind: [", "is not YAML"),
        ("kind: ModelDeployment\nspec: 3", "found 3 as spec; expected fields"),
        (
            "kind: ModelDeployment\nspec: {rollout: {steps: [{wieght: {percent: 5}}]}}",
            "as step 1; expected exactly one",
        ),
        ("kind: ModelDeployment\nspec: {rollout: {steps: [{shadow: {}}]}}", "no step of it can be simulated"),
        ("kind: ModelDeployment\nspec: {}", "spec.model: field required"),
    ],
)
def test_files_that_cannot_be_simulated_are_refused(
    content: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file.yaml"
    file.write_text(content)
    assert told in refusal(capsys, "--rps", "9", "-f", str(file))


def test_the_report_has_figures_of_both_and_charts(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["simulate", "--rps", "40", "--candidate-error-rate", "0.5", "--compare", "flagger", *FEW]) == 0
    told = capsys.readouterr().out
    assert re.search(r"tidegate +flagger", told)
    assert re.search(r"rolled back +100 % \(91\.2 to 100\) +100 %", told)
    assert "weight of the candidate" in told
    assert "░ rolled back" in told


def test_charts_show_weights_and_outcomes_where_they_belong() -> None:
    results = simulate_flagger(Situation(rps=400.0), runs=10, seed=1)
    weights = weight_chart(results, 320.0).plain.splitlines()[1 : HEIGHT + 1]
    assert weights[0].startswith("   50 % ┤")
    bars = [row[9:] for row in weights]
    assert [len(bar) for bar in bars] == [WIDTH] * HEIGHT
    filled = ["".join(column).count("█") for column in zip(*bars, strict=True)]
    assert filled[: 300 * WIDTH // 320] == sorted(filled[: 300 * WIDTH // 320])
    assert (filled[0], filled[-5], filled[-1]) == (1, 8, 0)
    promoted = [row[9:] for row in outcome_chart(results, 320.0).plain.splitlines()[1 : HEIGHT + 1]]
    assert all(row == " " * (60 * WIDTH // 64) + "█" * (WIDTH - 60 * WIDTH // 64) for row in promoted)


def test_options_and_keys_are_documented() -> None:
    page = (REPOSITORY / "docs" / "simulate.md").read_text()
    cells = {word for line in page.splitlines() if line.startswith("| ") for word in re.findall("`([^`]+)`", line)}
    assert set(simulate_options()) <= cells
    assert cells >= KEYS


def simulate_options() -> list[str]:
    command = typer.main.get_command(app).commands["simulate"]  # type: ignore[attr-defined]
    return [name for parameter in command.params for name in parameter.opts]


def test_without_the_extra_it_says_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "typer", None)
    monkeypatch.delitem(sys.modules, "tidegate.cli.app")
    with pytest.raises(SystemExit, match="1"):
        main()
    assert capsys.readouterr().err == "tidegate: typer is not installed; try: pip install 'tidegate[cli]'\n"
