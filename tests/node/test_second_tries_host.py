"""What failed once is tried again, where threads drive the link."""

from __future__ import annotations

from typing import Any

import pytest
from served_node import served, until

import picolink
from picolink.core.errors import Busy
from picolink.core.timing import TIMES

CPYTHON_ONLY = "threads of a host"


def test_a_subscription_that_could_not_be_renewed_is_renewed_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with served(lambda node: None) as serving, picolink.connect(serving.at) as board:

        def subscribed() -> bool:
            return bool(serving.do(lambda: serving.node.topics.get("door")))

        feed = board.subscribe("door")
        until(subscribed)
        monkeypatch.setitem(TIMES, "retry_max", 100)
        line, intake = board._client, feed._intake
        begin: Any = intake._begin
        failed: list[Busy] = []

        def fails_once() -> Any:
            if not failed:
                failed.append(Busy("64 messages wait"))
                raise failed[0]
            return begin()

        monkeypatch.setattr(intake, "_begin", fails_once)
        with line.host.lock:  # as where the node was restarted
            line.node.endpoint.close(line.session, line.node.now_ms())
        until(lambda: board.connected)
        until(subscribed)
        assert failed and intake.call is not None and not intake.call.done
