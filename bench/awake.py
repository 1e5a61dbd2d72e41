"""How long a battery sensor is awake for one delivery, on the board's own clock, from `Node()` on.

    python -m bench.awake

Virtual boards are faster than real ones, and join in tenths of a second: it tells what picolink
itself adds, and what changed; not how long a battery lasts.
"""

from __future__ import annotations

import asyncio
import re
import socket
import statistics
import threading

from picolink import Node
from picolink.packing import compile_all
from picosim import VirtualBoard, World

ROUNDS = 10
MAIN = """
from picolink import Node
node = Node("garden"WIFI)

@node.reading("temperature", unit="°C")
def temperature():
    return 21.5

node.deliver_and_sleep("ADDRESS", every_s=600, timeout_s=10)
"""
_AWAKE = re.compile(r"awake for (\d+) ms")


def main() -> None:
    """Prints the awake times: at a wire, through Wi-Fi, and where nobody is there."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    serving = threading.Event()

    async def serve() -> None:
        serving.set()
        await asyncio.Event().wait()

    base = Node("base")
    run = threading.Thread(target=lambda: base.run(f"tcp-listen:127.0.0.1:{port}", serve()))
    run.daemon = True
    run.start()
    serving.wait(10)
    for what, wifi, address in (
        ("on a wire", "", f"tcp:127.0.0.1:{port}"),
        ("Wi-Fi", ', wifi=("lab", "password")', f"tcp:gateway:{port}"),
    ):
        with World(seed=1) as world:
            if wifi:
                world.access_point("lab", "password")
            program = MAIN.replace("WIFI", wifi).replace("ADDRESS", address)
            libs = compile_all(["usb", "tcp", "wifi", "sleeping"])
            board = world.board("garden", main=program, libs=libs, start=False)
            board.unplug()
            board.start()
            times = measured(board)
            print(f"{what}: median {statistics.median(times):.0f} ms, {min(times)} to {max(times)}")


def measured(board: VirtualBoard) -> list[int]:
    """Milliseconds awake, of each of some wakings."""
    for _ in range(ROUNDS - 1):
        board.wait_state("deepsleep")
        board.reset()
    board.wait_state("deepsleep")
    times = [int(ms) for ms in _AWAKE.findall(board.log_text())]
    if len(times) != ROUNDS or "kept" in board.log_text():
        raise RuntimeError(f"not each was delivered:\n{board.log_text()}")
    return times


if __name__ == "__main__":
    main()
