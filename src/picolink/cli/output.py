"""What commands print: JSON lines, tables, values, and progress on a terminal's stderr."""

from __future__ import annotations

import base64
import json
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

from ..node.client.reading import Reading

_PATIENCE_S = 1.0


def print_json(value: Any) -> None:
    """Prints a value as one line of JSON, at once. Bytes become `{"base64": "..."}`."""
    print(json.dumps(value, ensure_ascii=False, default=_plain), flush=True)


def _plain(value: Any) -> Any:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"base64": base64.b64encode(value).decode()}
    return str(value)


def print_value(value: Any) -> None:
    """Prints a result for people: text bare, bytes as they are, nothing for None."""
    if value is None:
        return
    if isinstance(value, (bytes, bytearray, memoryview)):
        sys.stdout.flush()
        if sys.stdout.isatty():
            print(bytes(value))
        else:
            sys.stdout.buffer.write(value)
            sys.stdout.buffer.flush()
    elif isinstance(value, str):
        print(value, flush=True)
    else:
        print_json(value)


def show_number(value: Any) -> str:
    """A reading's value, short."""
    if isinstance(value, float):
        return f"{value:.6g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def show_reading(reading: Reading) -> str:
    """A reading's value with its unit; why there is none, where there is none."""
    if reading.value is None and reading.time_quality not in ("link", "arrival"):
        return f"no value ({reading.time_quality})"
    return f"{show_number(reading.value)} {reading.unit}".rstrip()


def reading_object(name: str, reading: Reading) -> dict[str, Any]:
    """A reading as a JSON object."""
    return {"name": name, **reading._asdict()}


def usage(name: str, told: dict[str, Any]) -> str:
    """A command and what it takes: `led_set state=on|off|toggle|?`; in brackets what may be left
    out."""
    words = [name]
    for arg, what in told["args"]:
        word = f"{arg}={what or 'VALUE'}"
        words.append(f"[{word}]" if arg in told.get("defaults", {}) else word)
    return " ".join(words)


def clock(time_s: float) -> str:
    """The time of day of a reading, in this computer's zone."""
    return time.strftime("%H:%M:%S", time.localtime(time_s)) + f".{int(time_s * 1000) % 1000:03}"


def table(rows: Sequence[Sequence[str]], indent: str = "") -> str:
    """Rows as aligned columns; the last column is as long as it likes."""
    if not rows:
        return ""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=False)]
        lines.append((indent + "  ".join([*cells, row[-1]])).rstrip())
    return "\n".join(lines)


class Progress:
    """Says on stderr, on a terminal only, what is waited for once that takes long.

    with Progress("connecting to usb:auto"): ...
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._done = threading.Event()
        self._thread: threading.Thread | None = None
        self._began_s = 0.0
        self._shown = False
        self._writing = threading.Lock()

    def __enter__(self) -> Progress:
        self._began_s = time.monotonic()
        if sys.stderr.isatty():
            self._thread = threading.Thread(target=self._show, daemon=True)
            self._thread.start()
        return self

    def _show(self) -> None:
        wait_s = _PATIENCE_S
        while not self._done.wait(wait_s):
            wait_s = 0.5
            passed_s = time.monotonic() - self._began_s
            with self._writing:
                self._shown = True
                sys.stderr.write(f"\r\x1b[2K{self._what} ... {passed_s:.0f} s")
                sys.stderr.flush()
        self.clear()

    def clear(self) -> None:
        """Takes it off the screen, so that something else can be printed there."""
        with self._writing:
            if self._shown:
                self._shown = False
                sys.stderr.write("\r\x1b[2K")
                sys.stderr.flush()

    def __exit__(self, *_: object) -> None:
        self._done.set()
        if self._thread is not None:
            self._thread.join()
