"""The ports of boards in the air, as this computer reaches them."""

from __future__ import annotations

import socket
from types import SimpleNamespace
from typing import Any

import pytest

from picosim.wifi.host import Door

CPYTHON_ONLY = "the simulator"


def test_a_port_that_is_in_use_here_can_be_let_go_of() -> None:
    """As of another world's board at the same address: it is tried again, and nothing breaks."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        silent: Any = SimpleNamespace(
            address="127.0.0.1", tcp={}, silent=False, callers={}, reached=lambda: True
        )
        watched: dict[int, Any] = {}
        air: Any = SimpleNamespace(loop=SimpleNamespace(on_readable=watched.__setitem__))
        door = Door.__new__(Door)
        with pytest.raises(OSError):
            silent.tcp[port] = port
            door.__init__(air, silent, port)  # type: ignore[misc]
        door.close()
        with pytest.raises(OSError):
            door.update()
    door.update()
    assert list(watched.values()) == [door._comes]
    door.close()
    assert not any(watched.values())
