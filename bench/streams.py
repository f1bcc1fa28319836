"""Record what a Prometheus saw of a rollout: ``python -m bench.streams --help``.

The tests of `tests/component/test_streams.py` replay what was recorded through the judge, with and without kills.
"""

import argparse
import gzip
import json
import re
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tidegate.gateways import ENVOY_GATEWAY

TIMEOUT_SECONDS = 60
LABELS = ("namespace", "pod", "job", "instance", ENVOY_GATEWAY.backend_label, "envoy_response_code_class", "le")
BACKEND = re.compile(r"httproute/[^/]+/[^/]+/rule/0/backend/")
RECORDED_AS = "httproute/demo/filetype/rule/0/backend/"
"""The ModelDeployment of the tests."""


def ask(address: str, query: str, moment: float) -> list[dict[str, Any]]:
    """Series of a range selector as of `moment` (Unix seconds).

    Raises
    ------
    OSError
        If Prometheus does not answer.
    """
    values = urllib.parse.urlencode({"query": query, "time": f"{moment:.3f}"})
    with urllib.request.urlopen(f"{address}/api/v1/query?{values}", timeout=TIMEOUT_SECONDS) as response:
        found: list[dict[str, Any]] = json.load(response)["data"]["result"]
    return found


def recorded(series: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The series as the tests read them: labels that matter, of the route of the tests; samples as numbers."""
    out = []
    for one in series:
        labels = {name: one["metric"][name] for name in ("__name__", *LABELS) if name in one["metric"]}
        if ENVOY_GATEWAY.backend_label in labels:
            labels[ENVOY_GATEWAY.backend_label] = BACKEND.sub(RECORDED_AS, labels[ENVOY_GATEWAY.backend_label])
        out.append({"labels": labels, "samples": [[moment, float(value)] for moment, value in one["values"]]})
    return out


def main(arguments: Sequence[str] | None = None) -> int:
    """Write one file."""
    parser = argparse.ArgumentParser("python -m bench.streams", description="Record the samples of a rollout")
    parser.add_argument("prometheus", help="its address, http://host:9090")
    parser.add_argument("namespace", help="of the ModelDeployment")
    parser.add_argument("name", help="of the ModelDeployment")
    parser.add_argument("file", type=Path, help="to write, .json.gz")
    parser.add_argument("--seconds", type=int, default=900, help="how far back (default 900)")
    parser.add_argument("--ended", type=float, default=0.0, help="Unix time of the last sample wanted (default now)")
    options = parser.parse_args(arguments)
    query = ENVOY_GATEWAY.query(options.namespace, options.name, options.seconds, latency=True)
    series = recorded(ask(options.prometheus, query, options.ended or time.time()))
    with gzip.GzipFile(options.file, "wb", mtime=0) as file:
        file.write(json.dumps(series, separators=(",", ":")).encode())
    print(f"{options.file}: {len(series)} series, {sum(len(one['samples']) for one in series):,} samples")
    return 0


if __name__ == "__main__":
    sys.exit(main())
