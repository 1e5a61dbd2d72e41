"""The example of MQTT: a virtual board, real brokers, scripts with picolink and without."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from brokers import BROKERS, Broker

from picolink.packing import compile_all
from picosim import World

FOLDER = Path(__file__).parent.parent.parent / "examples" / "mqtt"


def python(script: str, *arguments: object, path: str = "") -> str:
    done = subprocess.run(
        [sys.executable, str(FOLDER / script), *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("kind", BROKERS, ids=lambda kind: kind.name)
def test_mqtt(kind: type[Broker], tmp_path: Path) -> None:
    plain = (FOLDER / "plain.py").read_text("utf-8")
    assert "picolink" not in re.findall(r"^(?:import|from) (\w+)", plain)
    with kind(tmp_path) as broker, World(seed=1) as world:
        address = f"{broker.address}/lab42"
        main = (FOLDER / "main.py").read_text("utf-8")
        main = main.replace("mqtt://broker.local/lab42", address)
        board = world.board("bench", main=main, libs=compile_all(["usb", "mqtt"]))
        path = os.pathsep.join(sys.path)
        lines = python("host.py", f"{address}/bench", path=path).splitlines()
        assert re.fullmatch(r"bench is 2\d\.\d °C warm", lines[0])
        assert re.fullmatch(r"2\d\.\d °C", lines[1])
        board.pin("LED").wait(1)
        for word, level in (("off", 0), ("toggle", 1)):
            assert re.fullmatch(r"2\d\.\d °C\n", python("plain.py", "127.0.0.1", broker.port, word))
            board.pin("LED").wait(level)
