"""What is built once is found again, and only while its inputs are the same."""

from pathlib import Path

import pytest

from lab.cache import artifact, digest
from lab.progress import Reporter, Step

QUIET = Reporter(quiet=True)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TIDEGATE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def build(directory: Path, _: Step) -> None:
    (directory / "file").write_text("built")


def never(directory: Path, _: Step) -> None:
    raise AssertionError(f"{directory} was built again")


def interrupted(directory: Path, _: Step) -> None:
    (directory / "half").write_text("")
    raise KeyboardInterrupt


def test_an_artifact_is_built_once() -> None:
    first = artifact("thing", "key", QUIET, build)

    assert artifact("thing", "key", QUIET, never) == first
    assert (first / "file").read_text() == "built"


def test_an_interrupted_build_leaves_no_artifact() -> None:
    with pytest.raises(KeyboardInterrupt):
        artifact("thing", "key", QUIET, interrupted)

    assert [file.name for file in artifact("thing", "key", QUIET, build).iterdir()] == ["file"]


def test_the_most_recently_used_artifacts_are_kept(cache: Path) -> None:
    for key in ("one", "two", "three"):
        artifact("thing", key, QUIET, build, kept=2)

    assert len(list((cache / "thing").iterdir())) == 2
    assert (cache / "thing" / "three").is_dir()


def test_a_digest_moves_with_names_and_contents(tmp_path: Path) -> None:
    directory = tmp_path / "inputs"
    directory.mkdir()
    (directory / "a").write_text("1")
    before = digest(directory, "flags")
    (directory / "__pycache__").mkdir()
    (directory / "__pycache__" / "a.pyc").write_text("2")
    assert digest(directory, "flags") == before
    assert digest(directory, "other flags") != before

    (directory / "a").rename(directory / "b")
    assert digest(directory, "flags") != before
