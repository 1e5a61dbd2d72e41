"""How fast a link is.

Calls the node at its other end: the time from call to answer, then the payload that
messages carry to it and from it. The figures are those of everything on the way, the
board's processor included.

    picolink bench usb:auto
    picolink bench greenhouse --seconds 10 --json
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

from ...core.errors import PicolinkError, UnknownCommand, UsageError
from ...links.redact import redact
from ..command_line.arguments import address_argument, json_option, positive, seconds
from ..connecting import open_board
from ..output import Progress, print_json

if TYPE_CHECKING:
    from ...node.host.blocking import Board

ECHO = "x" * 32  # characters that a call of the round trip takes along
_AT_ONCE = 2  # so that the link need not wait for us
_LARGEST = 12_000  # bytes; a board takes messages of 16 kB
_CALL_S = 60.0


class Figures(NamedTuple):
    """What was measured. A round trip carries 32 characters there, and a number back."""

    median_ms: float
    most_ms: float  # 95 % of them were not slower
    calls: int
    to_bytes_s: float  # payload to the node, bytes/s
    from_bytes_s: float


def arguments(parser: argparse.ArgumentParser) -> None:
    address_argument(parser)
    parser.add_argument(
        "--seconds", type=seconds, default=3.0, metavar="S", help="for each of the three (3)"
    )
    parser.add_argument(
        "--bytes", type=positive, default=2048, metavar="N", help="in a message (2048)"
    )
    json_option(parser)


def run(options: argparse.Namespace) -> int:
    """Measures the link to one node, and prints the figures."""
    if not 0 < options.bytes <= _LARGEST:
        raise UsageError(f"--bytes {options.bytes}: a message carries 1 to {_LARGEST}")
    if not options.seconds:
        raise UsageError("--seconds 0: nothing can be measured in no time")
    with open_board(options) as board:
        with Progress(f"measuring for about {3 * options.seconds:g} s"):
            found = measure(board, options.seconds, options.bytes)
        name = board.name
    address = redact(options.address)
    if options.json:
        print_json({"address": address, "node": name, "bytes": options.bytes,
                    **found._asdict()})  # fmt: skip
    else:
        print(f"{address} ({name})\n{shown(found)}")
    return 0


def measure(board: Board, each_s: float = 3.0, size_bytes: int = 2048) -> Figures:
    """Calls with little in them, one after the other; then messages of `size_bytes` each way, two
    under way at once, every byte value in turn; each for `each_s` seconds, and three times at
    least. `UnknownCommand` where the node does not offer `sys.bench`."""
    data = (bytes(range(256)) * (size_bytes // 256 + 1))[:size_bytes]

    def call(*arguments: Any) -> Any:
        return board.call("sys.bench", *arguments, timeout_s=_CALL_S)

    try:
        call(ECHO)
    except UnknownCommand as error:
        lacking = UnknownCommand(
            f"{board.name} has no sys.bench, which measuring needs", kind=error.kind, joint=": ",
            advice="`picolink install` brings the newest picolink onto a board",
        )  # fmt: skip
        lacking.command = error.command
        raise lacking from None
    times: list[float] = []
    end_s = time.monotonic() + each_s
    while time.monotonic() < end_s or len(times) < 3:
        began_s = time.perf_counter()
        if call(ECHO) != len(ECHO):
            raise PicolinkError("what came back is not what was sent: is that a node?")
        times.append(1000 * (time.perf_counter() - began_s))
    times.sort()

    def take() -> None:
        if call(data) != size_bytes:
            raise PicolinkError("the node got less than was sent")

    def give() -> None:
        if call(b"", size_bytes) != data:
            raise PicolinkError("other bytes came than the node was to give")

    return Figures(
        statistics.median(times), times[int(len(times) * 0.95)], len(times),
        size_bytes * _rate(take, each_s), size_bytes * _rate(give, each_s),
    )  # fmt: skip


def _rate(job: Callable[[], None], seconds: float) -> float:
    """How often a second `job` is done, with several under way."""
    job()  # the link learns what it bears
    done: list[float] = []
    began_s = time.perf_counter()

    def repeat() -> None:
        while time.perf_counter() - began_s < seconds or len(done) < 3:
            job()
            done.append(time.perf_counter())

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for part in [pool.submit(repeat) for _ in range(_AT_ONCE)]:
            part.result()
    return len(done) / (max(done) - began_s)


def shown(found: Figures) -> str:
    """The figures for people."""
    return (
        f"  call and answer  {found.median_ms:.3g} ms"
        f"  (half of {found.calls}; 95 % within {found.most_ms:.3g} ms)\n"
        f"  to the node      {_rate_text(found.to_bytes_s)}\n"
        f"  from the node    {_rate_text(found.from_bytes_s)}"
    )


def _rate_text(bytes_s: float) -> str:
    if bytes_s >= 1e6:
        return f"{bytes_s / 1e6:.1f} MB/s"
    return f"{bytes_s / 1e3:.3g} kB/s"
