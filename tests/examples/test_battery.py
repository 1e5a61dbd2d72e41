"""The example of a battery: a virtual board in a network, and the base on this computer."""

from __future__ import annotations

import os
import queue
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path

from picolink.packing import compile_all
from picosim import World

FOLDER = Path(__file__).parent.parent.parent / "examples" / "battery-sensor"


def test_battery_sensor(tmp_path: Path) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    main = (FOLDER / "main.py").read_text("utf-8")
    main = main.replace("tcp:192.168.1.2", f"tcp:192.168.1.1:{port}")
    libs = compile_all(["usb", "tcp", "wifi", "sleeping"])
    environment = {
        **os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONUNBUFFERED": "1"
    }  # fmt: skip
    with World(seed=1) as world:
        world.access_point("my network", "password")  # this computer is at its router's address
        program = subprocess.Popen(
            [sys.executable, str(FOLDER / "base.py"), str(port)],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert program.stdout is not None
            lines: queue.Queue[str] = queue.Queue()
            said = program.stdout
            threading.Thread(target=lambda: [lines.put(line) for line in said], daemon=True).start()
            assert "listening" in lines.get(timeout=20)
            board = world.board("garden", main=main, libs=libs, start=False)
            board.unplug()
            board.start()
            board.wait_state("deepsleep")
            assert re.fullmatch(r"garden/temperature 2\d(\.\d)? °C\n", lines.get(timeout=20))
        finally:
            program.terminate()
            program.wait(10)
            program.stdout.close()  # type: ignore[union-attr]
