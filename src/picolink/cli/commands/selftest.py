"""What a board really does, as a report that can be compared with another's. The board's half is
`selftest_board.py`.

Stops the board's program, runs checks at the raw REPL, and restarts main.py at the end.
Writes nothing to the board's files.

    picolink selftest usb:auto -o pico.json
    picolink selftest --compare pico.json virtual.json
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...core.errors import LinkError, RemoteError, UsageError
from ...links.host.user_address import normalise
from ...links.redact import redact
from ..command_line.arguments import json_option
from ..output import Progress, print_json, table
from ..raw_repl import RawRepl

FORMAT = 1
_BOARD = Path(__file__).parent.with_name("selftest_board.py")
_SILENCE_S = 2.0
_ALONE = (
    "firmware",
    "modules",
    "heap",
    "numbers",
    "json_rules",
    "crc",
    "clock",
    "timer_in_busy_loop",
    "timer_in_sleep",
    "irq_in_busy_loop",
    "schedule_in_busy_loop",
    "speed",
    "speed_asyncio",
    "reset_cause",
)

_WHO = "reset_cause.unique_id"  # differs between any two boards

Report = dict[str, Any]


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("address", metavar="ADDRESS", nargs="?", help="a board on USB")
    parser.add_argument("-o", "--output", metavar="FILE", help="write the report there, as JSON")
    parser.add_argument(
        "--compare", nargs=2, metavar=("A", "B"), help="show where two reports differ"
    )
    parser.add_argument("--no-reset", action="store_true", help="leave the hard reset out")
    json_option(parser, "print the report as JSON")


def run(options: argparse.Namespace) -> int:
    """Tests a board, or compares two reports."""
    if options.compare:
        if options.address:
            raise UsageError("give an address to test a board, or --compare A B, not both")
        return _compare(*options.compare, as_json=options.json)
    if not options.address:
        raise UsageError("give the address of a board on USB, or --compare A B")
    with Progress("testing the board"):
        report = test_board(options.address, hard_reset=not options.no_reset)
    if options.output:
        try:
            Path(options.output).write_text(json.dumps(report, indent=1) + "\n", "utf-8")
        except OSError as error:
            raise UsageError(f"can't write {options.output}: {error.strerror}") from None
    if options.json:
        print_json(report)
    elif options.output:
        print(f"wrote {len(flat(report))} results to {options.output}")
    else:
        print(table([(name, _shown(value)) for name, value in flat(report).items()]))
    return 0


def test_board(address: str, *, hard_reset: bool = True) -> Report:
    """All checks at the board at `address`; its main.py is restarted at the end."""
    address = normalise(address)
    if not address.startswith("usb:"):
        raise UsageError(
            f"{redact(address)}: selftest talks to the REPL, which is on USB: use usb:auto"
        )
    repl = RawRepl(address)
    try:
        repl.enter()
        report: Report = {"format": FORMAT}
        repl.run(_BOARD.read_text("utf-8"))
        for name in _ALONE:
            report[name] = _check(repl, name)
        for name, play in _TOGETHER.items():
            report[name] = _check(repl, name, play)
        report["resets"] = _resets(repl, hard_reset)
        repl.restart_main()
        return report
    finally:
        repl.close()


def _check(repl: RawRepl, name: str, play: Callable[[RawRepl], None] | None = None) -> Any:
    """Runs one check; `play` is the host's part once the board is ready."""
    repl.begin(f"check({name})")
    if play is not None:
        repl.until(b"\n=ready\r\n")
        play(repl)
    try:
        lines = repl.end(20).decode("utf-8", "replace").splitlines()
    except RemoteError as error:
        return str(error)
    return json.loads(next(line[1:] for line in lines if line.startswith("=")))


def _send_ten(repl: RawRepl) -> None:
    repl.write(b"abcdefghij")


def _send_halves(repl: RawRepl) -> None:
    repl.write(b"abcde")
    time.sleep(0.1)  # what is measured: the board's read must wait as long
    repl.write(b"fghij")


def _send_much(repl: RawRepl) -> None:
    repl.write(b"abcdefghij" * 200)


def _read_nothing(repl: RawRepl) -> None:
    repl.write(b"g")  # only now: what came with `ready` is read
    time.sleep(_SILENCE_S)  # what is measured: the board's write finds nobody who reads


_TOGETHER: dict[str, Callable[[RawRepl], None]] = {
    "poll_counts": _send_ten,
    "readinto_blocks": _send_halves,
    "input_waits": _send_much,
    "stalled_write": _read_nothing,
}


def _resets(repl: RawRepl, hard: bool) -> Report:
    """Ctrl-C, soft and hard reset: what survives, what runs, how long it takes."""
    result: Report = {}
    repl.begin("while True: pass")
    repl.write(b"\x03")
    try:
        repl.end()
        result["ctrl_c"] = "swallowed"
    except RemoteError as error:
        result["ctrl_c"] = error.kind or str(error)
    repl.run("kept = 1")
    result["soft_reset_s"] = round(repl.soft_reset(), 2)
    try:
        repl.run("kept")
        result["soft_reset_keeps_names"] = True
    except RemoteError as error:
        result["soft_reset_keeps_names"] = error.kind != "NameError"
    if hard:
        began_s = time.monotonic()
        repl.begin("import machine; machine.reset()")
        try:
            repl.end(3)
            result["hard_reset"] = "the port stayed"
        except LinkError:
            result["hard_reset"] = "the port went"
        repl.reopen(15)
        repl.enter()
        result["hard_reset_s"] = round(time.monotonic() - began_s, 1)
        cause = repl.run("import machine; print(machine.reset_cause())")
        result["cause_after_hard_reset"] = int(cause)
    return result


# Comparing


def flat(report: Report) -> dict[str, Any]:
    """A report as `check.value` -> value."""
    result: dict[str, Any] = {}
    for name, value in report.items():
        if isinstance(value, dict):
            result.update({f"{name}.{key}": item for key, item in sorted(value.items())})
        else:
            result[name] = value
    return result


def differences(a: Report, b: Report) -> list[tuple[str, Any, Any]]:
    """(name, value in a, value in b) of all that differs; None where one has no such value."""
    one, other = flat(a), flat(b)
    names = [*one, *(name for name in other if name not in one)]
    return [
        (n, one.get(n), other.get(n)) for n in names if n != _WHO and one.get(n) != other.get(n)
    ]


def _compare(first: str, second: str, *, as_json: bool) -> int:
    found = differences(_load(first), _load(second))
    if as_json:
        print_json([{"name": name, "a": a, "b": b} for name, a, b in found])
    elif not found:
        print("no difference")
    else:
        rows = [("", first, second, "")]
        for name, a, b in found:
            rows.append((name, _shown(a), _shown(b), _ratio(a, b)))
        print(table(rows))
    return 0


def _load(file: str) -> Report:
    try:
        report = json.loads(Path(file).read_text("utf-8"))
        if not isinstance(report, dict) or report.get("format") != FORMAT:
            raise ValueError
    except OSError as error:
        raise UsageError(f"can't read {file}: {error.strerror}") from None
    except ValueError:
        raise UsageError(
            f"{file} is no report of this version: `picolink selftest ADDRESS -o FILE` makes one"
        ) from None
    return report


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _ratio(a: Any, b: Any) -> str:
    """How many times larger the second is, where both are numbers."""
    numbers = [v for v in (a, b) if isinstance(v, (int, float)) and not isinstance(v, bool)]
    if len(numbers) < 2 or not a or not b:
        return ""
    return f"x {b / a:.3g}"
