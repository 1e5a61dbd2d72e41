"""What TCP and MQTT take of a Pico W's core: its real firmware, emulated, counted in its own time.

`python -m bench.firmware_wifi RPI_PICO_W.uf2`. How long a call takes hangs on the air, which is not
emulated; what the core needs for it does not. A program beside the node counts its turns.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

from brokers import Mosquitto

import picolink
from picolink.packing import compile_all
from picosim import World

from .firmware_wires import BOARD, BYTES, DATA_GIVEN, TEXT, Row

_CALLS = 200
_LARGE = 40
_TIMEOUT_S = 120
_NETWORK = ('Node("one", ', 'Node("one", wifi=("a network", "its password"), ')
# By the board's own clock, since how fast the emulation runs differs.
_COUNTED = ("    return turns\n", "    return time.ticks_us(), turns\n")


def _program(address: str) -> str:
    text = "import time\n" + BOARD.replace(*_NETWORK).replace(*_COUNTED)
    return text.replace('"ADDRESS"', f'"usb:", "{address}"')


def _measure(link: str, board: picolink.Board) -> Row:
    def call(name: str, *args: object) -> None:
        board.call(name, *args, timeout_s=_TIMEOUT_S)

    def turned() -> tuple[int, int]:
        us, turns = board.call("turned", timeout_s=_TIMEOUT_S)
        return us, turns

    def during(job: Callable[[], object], count: int = 1) -> tuple[int, int]:
        """Microseconds and turns of a job done so often."""
        start_us, start = turned()
        for _ in range(count):
            job()
        end_us, end = turned()
        return end_us - start_us, end - start

    # Small calls last: the emulation is slower than the board, and after these a session expects
    # an answer so soon that it repeats what is large.
    jobs: list[tuple[Callable[[], object], int]] = [
        (lambda: call("take", DATA_GIVEN), _LARGE),
        (lambda: call("bring", BYTES), _LARGE),
        (lambda: call("echo", TEXT), _CALLS),
    ]
    for job, _ in jobs:  # what is loaded once is not measured
        job()
    call("begin")
    quiet_us, quiet = during(lambda: call("rest"))  # in which nothing is asked
    work_ms = []
    for job, count in jobs:
        took_us, turns = during(job, count)
        work_ms.append((took_us - turns * quiet_us / quiet) / count / 1000)
    kb = BYTES / 1000
    return Row(link, work_ms[2], work_ms[0] / kb, work_ms[1] / kb)


def over_tcp(path: Path) -> Row:
    """A computer dials the board."""
    with World(seed=1) as world:
        libs = compile_all(["usb", "wifi", "tcp"])
        board = world.board("one", main=_program("tcp-listen::5263"), libs=libs, firmware=path)
        board.wait_ready()
        with picolink.connect(f"tcp:{board.address}", timeout_s=_TIMEOUT_S) as there:
            return _measure("TCP", there)


def over_mqtt(path: Path) -> Row:
    """Both at a broker, without TLS."""
    with tempfile.TemporaryDirectory() as folder, Mosquitto(Path(folder), logs=False) as broker:
        with World(seed=1) as world:
            libs = compile_all(["usb", "wifi", "mqtt"])
            main = _program(f"mqtt://10.0.0.1:{broker.port}/lab")
            board = world.board("one", main=main, libs=libs, firmware=path)
            board.wait_ready()
            at = f"mqtt://127.0.0.1:{broker.port}/lab/one"
            with picolink.connect(at, timeout_s=_TIMEOUT_S) as there:
                return _measure("MQTT", there)


def main() -> None:
    """Measures, and prints."""
    parser = argparse.ArgumentParser(prog="python -m bench.firmware_wifi", description=__doc__)
    parser.add_argument("firmware", type=Path, help=".uf2 of MicroPython for RPI_PICO_W")
    chosen = parser.parse_args()
    for measure in (over_tcp, over_mqtt):
        row = measure(chosen.firmware)
        figures = f"{row.call_work_ms:.1f}, {row.in_work_ms_kb:.1f}, {row.out_work_ms_kb:.1f}"
        print(f"{row.link}: {figures} ms of the core for a call, 1 kB in, 1 kB out", flush=True)


if __name__ == "__main__":
    main()
