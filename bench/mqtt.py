"""MQTT beside paho-mqtt, on the same broker in the same run: round trips and publishes.

`python -m bench.mqtt` measures this alone. The broker is mosquitto of the tests (tests/brokers.py).
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from brokers import Certificates, Mosquitto, free_port
from micropython_runner import interpreter_command

from . import mqtt_calls
from . import mqtt_programs as programs
from .pinned import pin

BATCH = 100
FLOOD = 2000
KINDS = ("paho to paho", "picolink to picolink", "picolink to a board")
_SRC = Path(__file__).parent.parent / "src"


class _Process:
    """A program on a processor of its own, that is told by lines and answers by lines."""

    def __init__(self, stack: ExitStack, cpu: int, board: bool, text: str, **names: Any) -> None:
        told = "".join(f"{name} = {value!r}\n" for name, value in names.items())
        file = Path(stack.enter_context(tempfile.TemporaryDirectory()), "program.py")
        file.write_text(told + text)
        command = interpreter_command() if board else [sys.executable]
        self._process = process = subprocess.Popen(
            [*command, str(file)], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env={**os.environ, "MICROPYPATH": f"{_SRC}:.frozen", "PYTHONPATH": str(_SRC)},
        )  # fmt: skip
        stack.callback(process.wait)
        stack.callback(process.kill)
        self.line("ready")
        pin(process.pid, cpu)

    def line(self, wanted: str = "") -> str:
        """The next line that begins so."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(wanted):
                return line
        raise RuntimeError("a program of the bench has ended")

    def ask(self, what: str) -> Any:
        """What it answers."""
        assert self._process.stdin is not None
        self._process.stdin.write(what + "\n")
        self._process.stdin.flush()
        return json.loads(self.line())


def _broker(stack: ExitStack) -> tuple[Certificates, Mosquitto, int]:
    """The broker, on a port with TLS, and one without."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    certificates = Certificates(folder / "certificates")
    plain = free_port()
    more = f"listener {plain} 127.0.0.1"
    broker = Mosquitto(folder, tls=certificates.leaf(), more=more, logs=False)
    stack.enter_context(broker)
    pin(broker.pid, 1)
    return certificates, broker, plain


def _pair(stack: ExitStack, kind: str, names: dict[str, Any]) -> _Process:
    """Whoever asks, on processor 0; whoever answers shares 1 with the broker."""
    if kind == KINDS[0]:
        _Process(stack, 1, False, programs.PAHO_ANSWERER, **names)
        return _Process(stack, 0, False, programs.PAHO_ASKER, **names)
    _Process(stack, 1, kind == KINDS[2], programs.PICOLINK_ANSWERER, **names)
    return _Process(stack, 0, False, programs.PICOLINK_ASKER, **names)


def measure(rounds: int) -> tuple[dict[tuple[str, str], float], dict[str, float], float]:
    """Medians in microseconds by (kind, "QoS 0"...), publishes at QoS 1 per second by kind, and
    the microseconds of one from a client that writes as umqtt does."""
    times: dict[tuple[str, str], list[float]] = {}
    rates: dict[str, list[float]] = {}
    with ExitStack() as stack:
        certificates, broker, plain = _broker(stack)
        askers = []
        for kind in KINDS:
            for tls in (False, True):
                names = {
                    "HOST": "127.0.0.1", "PORT": broker.port if tls else plain, "COUNT": BATCH,
                    "CA": str(certificates.root) if tls else None,
                    "NAME": f"b{KINDS.index(kind)}{int(tls)}",
                }  # fmt: skip
                askers.append((kind, ", TLS" if tls else "", _pair(stack, kind, names)))
        for turn in range(rounds + 1):
            for qos in (0, 1):
                for kind, tls, asker in askers:
                    got = asker.ask(str(qos))
                    if turn:  # the first round warms up
                        times.setdefault((kind, f"QoS {qos}{tls}"), []).extend(got)
        flooders = {
            kind: _pair(
                stack, kind,
                {"HOST": "127.0.0.1", "PORT": plain, "COUNT": FLOOD, "CA": None, "NAME": f"f{n}"},
            )
            for n, kind in enumerate(KINDS[:2])
        }  # fmt: skip
        several = max(2, rounds // 5)
        for _ in range(several):
            for kind, flooder in flooders.items():
                rates.setdefault(kind.split()[0], []).append(flooder.ask("publish"))
        names = {"HOST": "127.0.0.1", "PORT": plain, "CA": None, "NAME": "board"}
        board = _Process(
            stack, 0, True, programs.PICOLINK_FLOOD, COUNT=FLOOD, ROUNDS=several, **names
        )
        rates["picolink on MicroPython"] = [float(board.line()) for _ in range(several)]
        stall = _Process(stack, 0, True, programs.UMQTT_STYLE, COUNT=20, **names)
        stalls = [float(stall.line()) for _ in range(20)]
    return (
        {key: statistics.median(values) for key, values in times.items()},
        {kind: statistics.median(values) for kind, values in rates.items()},
        statistics.median(stalls),
    )


def page(rounds: int) -> list[tuple[str, str, list[str], list[str]]]:
    """The tables: title, columns, rows, and what is to be said."""
    trips, rates, stall_us = measure(rounds)
    rows = []
    for what in dict.fromkeys(what for _, what in trips):
        base = trips[KINDS[0], what]
        cells = [f"{trips[kind, what]:.0f}" for kind in KINDS]
        ratios = [f"{trips[kind, what] / base:.2f}" for kind in KINDS[1:]]
        rows.append(f"| {what} | " + " | ".join([*cells, *ratios]) + " |")
    return [
        (
            "Round trip over an MQTT broker",
            " | ".join(["what", *(f"{kind}, us" for kind in KINDS), "ratio", "ratio of the board"]),
            rows,
            ["32 bytes there and back through mosquitto, the asker on one processor, the broker",
             "and who answers on the other. A board: MicroPython. `python -m bench.mqtt` measures",
             "this alone. Aims: ratios of 1.2 plain, 1.6 with TLS."],
        ),
        (
            "Publishes at QoS 1 per second",
            "who | publishes/s",
            [f"| {kind} | {rate:,.0f} |" for kind, rate in rates.items()],
            ["One at a time from a client that writes each part of a packet by itself, as umqtt",
             f"does, takes {stall_us / 1000:.0f} ms here: Nagle's algorithm waits for an",
             "acknowledgement that the other side delays. Aim: 5,000."],
        ),
        *mqtt_calls.page(max(5, rounds)),
    ]  # fmt: skip


if __name__ == "__main__":
    for title, columns, rows, after in page(4 if "--quick" in sys.argv else 20):
        print(title, columns, *rows, *after, sep="\n", end="\n\n")
