"""The nodes that this peer meets: one program, run by CPython and by a virtual board."""

from __future__ import annotations

import itertools
import subprocess
import sys
import tempfile
from pathlib import Path

SRC = Path(__file__).parents[2] / "src"
PROGRAM = Path(__file__).with_name("subject.py").read_text("utf-8")

addresses = itertools.count(1)


class Computer:
    """A node in a CPython process of its own, at a loopback address of its own."""

    def __init__(self, program: str = PROGRAM, options: str = "") -> None:
        self.address = f"127.55.{next(addresses)}.{id(self) % 250 + 1}"
        run = f"\nnode.run('tcp-listen:{self.address}:5263{options}')\n"
        self.printed = tempfile.TemporaryFile("w+")  # noqa: SIM115 - lives as long as the process
        self.process = subprocess.Popen(
            [sys.executable, "-c", program + run],
            env={"PYTHONPATH": str(SRC), "PICOLINK_DISCOVER": ""},
            stdin=subprocess.DEVNULL,
            stdout=self.printed,
            stderr=subprocess.STDOUT,
        )

    def log_text(self) -> str:
        self.printed.seek(0)
        return self.printed.read()

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self.printed.close()
