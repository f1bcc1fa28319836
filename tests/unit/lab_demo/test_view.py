"""What the demo shows: every change once, on a terminal and elsewhere."""

import io
import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from lab.demo.report import result_table, write_report
from lab.demo.run import STAGES
from lab.demo.stages import Outcome, StageResult
from lab.demo.view import Frame, View, decision_text, make_frame, panel, percent
from lab.load import Failure, Record
from tidegate.api.status import Decision, ModelDeploymentStatus

NOW = datetime(2026, 1, 1, tzinfo=UTC)
STATUS = ModelDeploymentStatus.model_validate(
    {
        "stable": "filetype-old",
        "candidate": "filetype-new",
        "slots": {
            "a": {"revision": "filetype-old", "weight": 950_000},
            "b": {"revision": "filetype-new", "weight": 50_000},
        },
        "revisions": [
            {"name": "filetype-old", "created_at": NOW, "replicas": 2, "ready_replicas": 2, "role": "Stable"},
            {"name": "filetype-new", "created_at": NOW, "replicas": 2, "ready_replicas": 1, "role": "Candidate"},
        ],
        "rollout": {
            "id": "filetype-new-2",
            "started_at": NOW,
            "revision": "filetype-new",
            "plan": {},
            "phase": "Stepping",
            "phase_since": NOW,
            "step_since": NOW,
            "step_name": "1/3 weight 5 %",
            "message": "judging",
        },
        "decisions": [
            {
                "at": NOW,
                "weight": 50_000,
                "verdict": "Hold",
                "reason": "TooLittleEvidence",
                "message": "2 of 2 failed",
                "revision": "filetype-new",
            }
        ],
    }
)


def frame(seconds: float = 12.0) -> Frame:
    now = time.time()
    records = [
        Record(now, 0.01, 200, "filetype-old", None),
        Record(now - 60, 0.01, 200, "filetype-old", None),
        Record(now, 0.01, 500, "filetype-new", Failure.SERVER_ERROR),
    ]
    return make_frame("3.2 -> 3.3", seconds, STATUS, records)


def text_of(*, terminal: bool, frames: list[Frame]) -> str:
    out = io.StringIO()
    with View(Console(file=out, force_terminal=terminal, width=160, highlight=False)) as view:
        for each in frames:
            view.show(each)
    return out.getvalue()


def test_a_frame_joins_weights_pods_and_the_clients_counts() -> None:
    old, new = frame().backends
    assert (old.role, old.weight, old.ready, old.requests, old.failed) == ("stable", 950_000, "2/2", 2, 0)
    assert (new.role, new.weight, new.ready, new.requests, new.failed) == ("candidate", 50_000, "1/2", 1, 1)
    assert old.rate == pytest.approx(0.2)


def test_an_object_without_status_is_shown_empty() -> None:
    shown = make_frame("first", 0, ModelDeploymentStatus(), [])
    assert shown.line() == "    0 s  a=- 0 % 0 requests 0 failed  b=- 0 % 0 requests 0 failed"


def test_a_line_tells_weights_counts_step_and_verdict() -> None:
    assert frame().line() == (
        "   12 s  a=stable 95 % 2 requests 0 failed  b=candidate 5 % 1 requests 1 failed"
        "  step 1/3 weight 5 %  Hold TooLittleEvidence: 2 of 2 failed"
    )


def test_elsewhere_a_line_is_printed_for_a_change_and_every_few_seconds() -> None:
    other = make_frame("3.2 -> 3.3", 2.0, ModelDeploymentStatus(), [])
    printed = text_of(terminal=False, frames=[frame(0), frame(1), other, frame(3), frame(4), frame(8)])
    assert [line.split()[0] for line in printed.splitlines()] == ["0", "2", "3", "8"]


@pytest.mark.parametrize("expected", ["filetype-old", "95 %", "1/2", "step 1/3 weight 5 %", "judging", "12 s"])
def test_a_terminal_shows_a_panel(expected: str) -> None:
    assert expected in text_of(terminal=True, frames=[frame()])


def test_words_of_the_cluster_are_not_read_as_markup() -> None:
    shown = make_frame("t", 1, STATUS.model_copy(update={"decisions": [decided("[red]x[/red]")]}), [])
    out = io.StringIO()
    Console(file=out, width=160).print(panel(shown))
    assert "[red]x[/red]" in out.getvalue()


@pytest.mark.parametrize(
    ("weight", "text"),
    [(0, "0 %"), (1, "<0.1 %"), (50_000, "5 %"), (23_456, "2.35 %"), (999_999, "100 %"), (1_000_000, "100 %")],
)
def test_a_weight_is_told_as_a_percentage(weight: int, text: str) -> None:
    assert percent(weight) == text


def decided(message: str, revision: str = "filetype-new") -> Decision:
    return Decision(at=NOW, weight=1, verdict="Hold", reason="R", message=message, revision=revision)


def test_a_long_verdict_is_cut() -> None:
    assert len(decision_text(STATUS.model_copy(update={"decisions": [decided("x" * 500)]}))) == 160


def test_a_verdict_on_another_revision_is_not_shown_during_a_rollout() -> None:
    earlier = {"decisions": [decided("earlier", "filetype-old")]}
    assert decision_text(STATUS.model_copy(update=earlier)) == ""
    assert decision_text(STATUS.model_copy(update={**earlier, "rollout": None})) == "Hold R: earlier"
    assert decision_text(ModelDeploymentStatus()) == ""


RESULTS = [
    StageResult(
        title=STAGES[2].title,
        revision="filetype-bad",
        expected=Outcome.ROLLED_BACK,
        outcome=Outcome.ROLLED_BACK,
        message="odds ratio 40",
        seconds=41.234,
        requests=1640,
        failed=12,
        failed_beyond_stable=11.987,
        seconds_in_traffic=25.5,
    )
]


def test_the_table_has_a_row_for_each_stage() -> None:
    out = io.StringIO()
    Console(file=out, width=120).print(result_table(RESULTS))
    for cell in (STAGES[2].title, "41", "1,640", "12", "12.0", "rolled back"):
        assert cell in out.getvalue()


def test_the_report_is_the_table_as_json(tmp_path: Path) -> None:
    write_report(tmp_path / "build/demo.json", STAGES, RESULTS, seconds=200.04)
    report = json.loads((tmp_path / "build/demo.json").read_text())
    assert report["seconds"] == 200.0
    assert report["stages"][0]["failed_beyond_stable"] == 11.99
    assert report["stages"][0]["outcome"] == "rolled back"
    assert report["problems"] == [f"{stage.title}: never begun" for stage in STAGES[1:]]
