"""Logs as one JSON object a line, with the ModelDeployment they are about."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TextIO

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

# Records of kopf carry whole objects that mean nothing outside of it.
KOPF_ATTRIBUTES = ["k8s_ref", "k8s_skip", "settings"]
# kopf says so in every thread that is not the main one; signals are handled by `tidegate.controller.main`.
KOPF_SIGNALS = "OS signals are ignored"

_fields: ContextVar[dict[str, str] | None] = ContextVar("log_fields", default=None)


@contextmanager
def log_fields(**fields: str) -> Iterator[None]:
    """Add `fields` (``namespace``, ``name``, ``revision``) to every record logged inside, by whatever module."""
    token = _fields.set({**(_fields.get() or {}), **fields})
    try:
        yield
    finally:
        _fields.reset(token)


class _Fields(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        for name, value in (_fields.get() or {}).items():
            # A record's own attribute `name` is its logger.
            setattr(record, "object" if name == "name" else name, value)
        return not str(record.msg).startswith(KOPF_SIGNALS)


def configure_logging(level: str, stream: TextIO | None = None) -> None:
    """Send all records to `stream` (standard output) as JSON: time, level, logger, message, fields of `log_fields`.

    Parameters
    ----------
    level
        ``DEBUG``, ``INFO``, ``WARNING`` or ``ERROR``. Libraries are one step quieter than we are, except at DEBUG.
    """
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.addFilter(_Fields())
    handler.setFormatter(
        JsonFormatter(
            "%(levelname)s %(name)s %(message)s",
            rename_fields={"levelname": "level", "name": "logger", "object": "name"},
            reserved_attrs=[*RESERVED_ATTRS, *KOPF_ATTRIBUTES],
            timestamp="time",
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    quiet = level if level in {"DEBUG", "ERROR"} else "WARNING"
    for library in ("kopf", "aiohttp", "asyncio", "urllib3", "kubernetes"):
        logging.getLogger(library).setLevel(quiet)
