"""Log lines."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tidegate.controller.logs import configure_logging, log_fields

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """Configure logging for one test; gives the lines written so far."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    stream = io.StringIO()
    configure_logging("INFO", stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:], root.level = before


def test_a_line_says_when_who_what_and_about_which_object(lines: Lines) -> None:
    with log_fields(namespace="demo", name="filetype"), log_fields(revision="filetype-1a2b"):
        logging.getLogger("tidegate.somewhere").info("weight %d", 5)
    logging.getLogger("tidegate.somewhere").warning("no object")
    about, without = lines()
    assert about.pop("time").endswith("+00:00")
    assert about == {
        "level": "INFO",
        "logger": "tidegate.somewhere",
        "message": "weight 5",
        "namespace": "demo",
        "name": "filetype",
        "revision": "filetype-1a2b",
    }
    assert set(without) == {"time", "level", "logger", "message"}


def test_libraries_are_quiet_unless_they_warn(lines: Lines) -> None:
    logging.getLogger("kopf.objects").info("Handler succeeded.")
    logging.getLogger("kopf._core.reactor.running").warning("OS signals are ignored: running not in the main thread.")
    logging.getLogger("kopf.activities").warning("Login failed.", extra={"settings": object(), "k8s_skip": True})
    (line,) = lines()
    assert line["message"] == "Login failed."
    assert not {"settings", "k8s_skip"} & set(line)


def test_an_exception_stays_on_one_line(lines: Lines) -> None:
    try:
        raise ValueError("absurd")
    except ValueError:
        logging.getLogger("tidegate.somewhere").exception("failed")
    (line,) = lines()
    assert "ValueError: absurd" in line["exc_info"]
