"""A board without the memory for TLS says so, and how much it has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from both import SEED
from brokers import Mosquitto

from picolink.packing import compile_all
from picosim import World

CPYTHON_ONLY = "virtual boards, a real broker"

MAIN = """
import sys

class Ssl:
    PROTOCOL_TLS_CLIENT = CERT_NONE = 0

    class SSLContext:
        def __init__(self, protocol):
            pass

        def wrap_socket(self, sock, **options):
            raise ERROR

sys.modules["ssl"] = Ssl
from picolink import Node
Node("shed").run("usb:", ADDRESS)
"""


@pytest.mark.parametrize("error", ["OSError(12)", "OSError(-0x7F00)", "MemoryError('no room')"])
def test_tls_without_memory(tmp_path: Path, error: str) -> None:
    with Mosquitto(tmp_path) as broker, World(seed=SEED) as world:
        address = f"mqtts://ann:secret@127.0.0.1:{broker.port}/lab?verify=no"
        main = f"ADDRESS = {address!r}\n{MAIN.replace('ERROR', error)}"
        board = world.board("shed", main=main, libs=compile_all(["usb", "mqtt"]))
        said = board.wait_printed("in a chain, take less", 20)
        said = board.log_text()
        found = re.search(r"no memory to open .*: (\d+) bytes are free, the largest .* (\d+)", said)
        assert found and 0 < int(found[2]) <= int(found[1]), said
        assert "is it running" not in said and "secret" not in said
