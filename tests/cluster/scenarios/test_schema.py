"""What servers say they take and give, asked of real ones."""

from typing import Any

from lab.trial import Served
from tests.cluster.scenarios.parts import bring_to

CHECKED: list[dict[str, Any]] = [{"schema": {}}, {"weight": {"percent": 50, "seconds": 5}}]


def test_s18_a_release_that_takes_other_inputs_is_stopped_before_any_traffic(served: Served) -> None:
    served.apply("filetype-3.2")
    served.wait_ready()
    with served.watched_weights() as weights:
        served.apply("filetype-1.0", steps=CHECKED)
        candidate = served.wait_candidate()
        message = served.wait_stalled("RolledBack", within=120)
        served.wait_ended()
    assert message.startswith(f"{candidate}: SchemaBreak: clients of stable would break: ")
    assert "input bytes is FP32 [-1, 1536], INT32 [-1, 2048] at stable" in message
    assert "output target_label is FP32 [-1, 113], FP32 [-1, 214] at stable" in message
    assert [pair for pair in weights.seen if min(pair) > 0] == []
    assert served.status.stable != candidate


def test_s18_a_release_that_takes_and_gives_the_same_goes_on(served: Served) -> None:
    served.apply("echo-1")
    served.wait_ready()
    stable = served.status.stable
    with served.requests(rate=40):
        bring_to(served, "echo-2", 50, steps=[{"schema": {}}, {"weight": {"percent": 50, "seconds": 600}}])
    assert served.status.stable == stable
    assert served.status.decisions == []
