"""Model directories have the layout Triton wants, and say what the recipes say."""

import json
import re
from pathlib import Path

import pytest

from lab.errors import LabError
from lab.models import RECIPES, build, classifier_input, classifier_request, configuration, echo_request
from lab.progress import Reporter

REPOSITORY = Path(__file__).parents[3]
LABELS = ["ai", "bmp", "c"]


def unpacked(directory: Path, models: tuple[str, ...] = ("standard_v3_2",)) -> Path:
    """Lay out a directory as an unpacked magika wheel is."""
    for model in models:
        path = directory / "magika/models" / model
        path.mkdir(parents=True)
        (path / "model.onnx").write_bytes(b"onnx")
        (path / "config.min.json").write_text(json.dumps({"target_labels_space": LABELS}))
    return directory


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    return unpacked(tmp_path / "wheel")


@pytest.mark.parametrize("name", sorted(set(RECIPES) - {"wrong-layout"}))
def test_a_model_has_a_configuration_and_a_version(name: str, tmp_path: Path, wheel: Path) -> None:
    model = build(name, tmp_path / name, wheels=lambda *_: wheel)
    compile((model / "1/model.py").read_text(), "model.py", "exec")
    assert 'backend: "python"' in (model / "config.pbtxt").read_text()


def test_no_configuration_names_its_model_so_the_directory_does(tmp_path: Path, wheel: Path) -> None:
    for name in RECIPES:
        text = (build(name, tmp_path / name, wheels=lambda *_: wheel) / "config.pbtxt").read_text()
        assert not re.search(r"^name:", text, re.MULTILINE)


def test_the_classifier_brings_its_weights_and_labels(tmp_path: Path, wheel: Path) -> None:
    asked: list[str] = []

    def wheels(name: str, _: Reporter) -> Path:
        asked.append(name)
        return wheel

    model = build("filetype-3.3", tmp_path / "model", wheels=wheels)
    assert asked == ["magika-0.6.2"]
    assert (model / "1/model.onnx").read_bytes() == b"onnx"
    assert (model / "labels.txt").read_text().splitlines() == LABELS


def test_the_bad_model_differs_from_the_good_one_only_by_its_error_share(tmp_path: Path, wheel: Path) -> None:
    good = build("filetype-3.3", tmp_path / "good", wheels=lambda *_: wheel)
    bad = build("filetype-bad", tmp_path / "bad", wheels=lambda *_: wheel)
    assert (bad / "1/model.py").read_text() == (good / "1/model.py").read_text()
    added = (bad / "config.pbtxt").read_text().removeprefix((good / "config.pbtxt").read_text())
    assert added == 'parameters { key: "error_share" value: { string_value: "0.3" } }\n'


def test_the_wrong_layout_has_no_version_directory(tmp_path: Path) -> None:
    model = build("wrong-layout", tmp_path / "model")
    assert sorted(path.name for path in model.iterdir()) == ["config.pbtxt", "model.py"]


def test_parameters_given_replace_the_recipes_own() -> None:
    text = configuration("echo", {"error_share": "0.5", "error_code": 'a"b'})
    assert text.endswith(
        'parameters { key: "error_code" value: { string_value: "a\\"b" } }\n'
        'parameters { key: "error_share" value: { string_value: "0.5" } }\n'
    )


def test_a_directory_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model/left-over").touch()
    assert not (build("echo", tmp_path / "model", parameters={"error_share": "1"}) / "left-over").exists()


def test_an_unknown_model_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"there is no model 'filtype'; the models are broken, echo"):
        build("filtype", tmp_path / "model")


@pytest.mark.parametrize("models", [(), ("standard_v3_2", "standard_v3_3")])
def test_a_wheel_without_exactly_one_model_is_refused(models: tuple[str, ...], tmp_path: Path) -> None:
    wheel = unpacked(tmp_path / "wheel", models)
    with pytest.raises(LabError, match=f"found {len(models)}"):
        build("filetype-3.2", tmp_path / "model", wheels=lambda *_: wheel)


@pytest.mark.parametrize(
    ("content", "first", "last"),
    [
        (b"", [256] * 1024, [256] * 1024),
        (b" ab ", [97, 98, 32] + [256] * 1021, [256] * 1021 + [32, 97, 98]),
        (b"a" * 1024 + b"b" * 1024, [97] * 1024, [98] * 1024),
        (b" " * 9 + b"a" * 5000 + b"b" * 1024 + b"\n" * 9, [97] * 1024, [98] * 1024),
    ],
)
def test_the_classifier_sees_both_ends_of_a_file(content: bytes, first: list[int], last: list[int]) -> None:
    numbers = classifier_input(content)
    assert numbers[:1024] == first
    assert numbers[1024:] == last


def test_a_classifier_request_asks_for_the_likeliest_type() -> None:
    _, body = classifier_request(b"{}")
    document = json.loads(body)
    assert document["inputs"][0]["data"] == classifier_input(b"{}")
    assert document["outputs"][0]["parameters"] == {"classification": 1}


def test_the_request_among_the_examples_is_one_of_the_classifier() -> None:
    _, body = classifier_request(b"def main() -> None:\n    print('hello, world')\n")
    assert (REPOSITORY / "examples/requests/filetype.json").read_bytes() == body + b"\n"


def test_an_echo_request_carries_its_values() -> None:
    _, body = echo_request([1, 2])
    assert json.loads(body)["inputs"] == [{"name": "INPUT", "shape": [2], "datatype": "INT32", "data": [1, 2]}]
