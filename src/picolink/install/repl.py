"""A board at its raw REPL, on mpremote's transport: what it is, and its files."""

from __future__ import annotations

import ast
import base64
import contextlib
import io
import os
import re
import select
import struct
import time
from binascii import crc32
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ..core.errors import CannotConnect, LinkError
from ..links.usb.discover import Port, open_exclusive
from ..links.usb.host import UsbLink
from ..links.usb.unanswered import forget
from .errors import BoardFull, InstallError

_BOARD_SIDE = Path(__file__).with_name("board_side.py")
_PIECE_BYTES = 1536  # of a file in one statement: 2 kB of text for the board's compiler
_STOP_S = (0.7, 1.5, 3.0, 3.0)  # for a program to end; a board that is booting may miss Ctrl-C
_RESTART = b"\r\x03\x02\x04"  # from wherever it is to boot.py and main.py
_QUIET_S, _NOISE_S = 0.05, 0.5
_STEP_S = 30.0  # for the longest of what is run there
_BOOT_S = 15.0  # boot.py may join a network
_FULL = re.compile(r"OSError: (\[Errno )?28\b|ENOSPC")
_FACTS = (
    "import sys\n"
    "print(repr((sys.implementation.name,tuple(sys.implementation.version)[:3],"
    "getattr(sys.implementation,'_mpy',0),getattr(sys.implementation,'_machine',sys.platform))))"
)


class Facts(NamedTuple):
    """What a board says of itself."""

    name: str  # "micropython", "circuitpython"
    version: tuple[int, ...]
    mpy: int  # 0 where it loads no .mpy
    machine: str

    @property
    def firmware(self) -> str:
        """As people write it: "MicroPython 1.28.0"."""
        known = {"micropython": "MicroPython", "circuitpython": "CircuitPython"}
        return f"{known.get(self.name, self.name)} {'.'.join(map(str, self.version))}"


class Entry(NamedTuple):
    """A file or folder on the board."""

    path: str
    size_bytes: int
    sha256: str  # "-" where it was not asked for, or for a folder
    folder: bool


class Repl:
    """A board's raw REPL. Its program is stopped; `leave` or `restart` end it. It is given
    `patience` times as long as a board needs: an emulated one is slow."""

    def __init__(self, port: Port, patience: float = 1) -> None:
        self.path = port.path
        self._patience = max(1, patience)
        if os.name == "posix":
            os.close(open_exclusive(port.path))  # its errors say who holds the port, and more
        from mpremote.transport import TransportError
        from mpremote.transport_serial import SerialTransport

        self._lost = (TransportError, OSError, struct.error, ValueError)
        try:
            self._transport: Any = SerialTransport(port.path, timeout=5 * self._patience)
        except self._lost as error:
            raise CannotConnect(f"can't open {port.path}: {error}") from error
        self._transport.read_until = self._read_until

    # Coming and going

    def enter(self) -> Facts:
        """Stops the program and asks what firmware this is."""
        for timeout_s in _STOP_S:
            try:
                self._stop(timeout_s)
                forget(self.path)
                return Facts(*_value(self.run(_FACTS)))
            except (*self._lost, TypeError):  # TypeError: something else was printed there
                continue
            except LinkError:
                continue
        raise CannotConnect(
            f"{self.path}: no MicroPython prompt. {self._diagnosis()} If Ctrl-C does nothing "
            "there, unplug the board and plug it in again"
        )

    def prepare(self) -> None:
        """Resets the interpreter, for its whole memory and nothing of the program's left running;
        from the raw REPL only boot.py runs."""
        try:
            with contextlib.redirect_stdout(io.StringIO()):  # it prints what it did not expect
                self._transport.enter_raw_repl(timeout_overall=_BOOT_S)
        except self._lost:
            try:  # boot.py does not end: it is stopped
                self._stop(_STOP_S[-1])
            except self._lost:
                raise self._gone() from None
        self.run(_BOARD_SIDE.read_text("utf-8"))

    def _stop(self, timeout_s: float) -> None:
        """Interrupts whatever runs and enters the raw REPL. What comes late is not taken for an
        answer: a program may print on, and catch Ctrl-C once or twice."""
        transport, banner = self._transport, b"raw REPL; CTRL-B to exit\r\n"
        transport.serial.write(b"\r\x03\x03\x02")
        self._drain()
        transport.serial.write(b"\r\x01")
        if not transport.read_until(1, banner + b">", timeout_overall=timeout_s).endswith(b">"):
            raise TimeoutError
        self._drain()
        transport.serial.write(b"\x01")  # which shows the banner again
        if not transport.read_until(1, banner, timeout_overall=timeout_s).endswith(banner):
            raise TimeoutError
        transport.in_raw_repl = True

    def _drain(self) -> None:
        """Takes what comes until nothing comes for a moment."""
        serial = self._transport.serial
        end_s = time.monotonic() + _NOISE_S
        serial.timeout, patience_s = _QUIET_S, serial.timeout
        while serial.read(4096) and time.monotonic() < end_s:
            pass
        serial.timeout = patience_s

    def leave(self) -> None:
        """To the friendly prompt; the port is free again."""
        with contextlib.suppress(*self._lost):
            self._transport.exit_raw_repl()
        self.close()

    def restart(self) -> None:
        """Starts boot.py and main.py, whatever runs now; the port is free again."""
        with contextlib.suppress(*self._lost):
            self._transport.serial.write(_RESTART)
            self._transport.serial.flush()
        self.close()

    def close(self) -> None:
        """Closes the port."""
        with contextlib.suppress(*self._lost):
            self._transport.close()

    def _gone(self) -> LinkError:
        return LinkError(
            f"{self.path}: the board stopped answering: it was unplugged, or reset (by a watchdog "
            "of its program?). It starts as before. Plug it in and run the same command again: it "
            "goes on where it was"
        )

    def _confused(self) -> LinkError:
        return LinkError(
            f"{self.path}: the board does not answer as its REPL should: something there "
            "prints meanwhile, such as a timer or a thread that boot.py starts; or it was reset; "
            "or this computer was too busy to take its answers. It starts as before. Run the same "
            "command again: it goes on where it was"
        )

    def _diagnosis(self) -> str:
        self.close()
        try:
            link = UsbLink(open_exclusive(self.path), self.path, f"usb:{self.path}")
        except LinkError as error:
            return str(error)
        try:
            port = link.pollable
            found = link.diagnose(_read(port, 0.3), lambda ms: _read(port, ms / 1000))
            link.write(_RESTART)
            return str(found)
        except LinkError as error:
            return str(error)
        finally:
            link.close()

    # Running source

    def run(self, source: str) -> str:
        """What `source` prints there. `InstallError` where it raises, `BoardFull` where for want of
        room, LinkError where the board has gone."""
        from mpremote.transport import TransportError, TransportExecError

        try:
            output: bytes = self._transport.exec(source)
        except TransportExecError as error:
            text = error.error_output.strip()
            if _FULL.search(text):
                raise BoardFull(f"{self.path}: the board's file system is full") from None
            last = (text.splitlines() or ["?"])[-1]
            raise InstallError(f"{self.path}: the board reports {last}") from None
        except (TransportError, UnicodeDecodeError):
            raise self._confused() from None
        except self._lost:
            raise self._gone() from None
        return output.decode("utf-8", "replace")

    def _read_until(
        self,
        least: int,
        ending: bytes,
        timeout: float | None = 10,
        data_consumer: None = None,
        timeout_overall: float | None = None,
    ) -> bytes:
        """The transport's own, but a program that never stops printing does not hold it up."""
        serial = self._transport.serial
        limit_s = (timeout_overall or _STEP_S) * self._patience
        end_s = time.monotonic() + limit_s
        quiet_s = timeout * self._patience if timeout else limit_s
        serial.timeout, patience_s = min(quiet_s, limit_s), serial.timeout
        data = b""
        try:
            while not data.endswith(ending) and time.monotonic() < end_s:
                byte = serial.read(1)
                if not byte:
                    break
                data += byte
        finally:
            serial.timeout = patience_s
        return data

    def ask(self, source: str, tries: int = 3) -> list[str]:
        """The lines that `source` says there by `_pl_say`; asked again where some were lost."""
        for _ in range(tries):
            said = self.run(f"_pl_crc = 0\n{source}\nprint('=%08x' % _pl_crc)")
            lines, _, end = said.replace("\r\n", "\n").rstrip("\n").rpartition("=")
            if end == f"{crc32(lines.replace(chr(10), '').encode()):08x}":
                return lines.splitlines()
        raise self._confused()

    def do(self, source: str) -> None:
        """Runs what must not be done twice. LinkError where it is not known to have been done."""
        self.ask(source, tries=1)

    # Files. Each of these is one step that is done, or not.

    def look(self, *paths: str, hashes: bool = True) -> dict[str, Entry]:
        """Files and folders from `paths` down, by path; what is not there is left out."""
        found = {}
        for line in self.ask("\n".join(f"_pl_look({path!r}, {hashes})" for path in paths)):
            sha256, size, path = line.split(" ", 2)
            folder = size == "/"
            found[path] = Entry(path, 0 if folder else int(size), sha256, folder)
        return found

    def free_bytes(self) -> tuple[int, int]:
        """Room for files, and the size of the blocks in which it is given out."""
        told = ast.literal_eval(self.ask("_pl_say(repr(os.statvfs('/')))")[0])
        return told[3] * told[0], told[0]

    def has(self, module: str) -> bool:
        """Whether the firmware has this module: a Pico without Wi-Fi has no `socket`."""
        told = self.ask(f"try:\n import {module}\n _pl_say('yes')\nexcept ImportError: pass")
        return bool(told)

    def unique_id(self) -> str:
        """The board's identity, in hexadecimal digits."""
        code = "import machine\n_pl_say(binascii.hexlify(machine.unique_id()).decode())"
        return self.ask(code)[0]

    def read(self, path: str) -> bytes:
        """A file's contents."""
        return b"".join(map(base64.b64decode, self.ask(f"_pl_read({path!r})")))

    def folders(self, paths: list[str]) -> None:
        """Makes folders that are not there yet, in this order."""
        if paths:
            self.do(f"_pl_folders({paths!r})")

    def write(self, path: str, data: bytes) -> None:
        """Writes a file: under another name first, which takes the place of the old at the end."""
        pieces = [data[i : i + _PIECE_BYTES] for i in range(0, len(data), _PIECE_BYTES)] or [b""]
        for number, piece in enumerate(pieces):
            lines = [f"_pl_begin({path!r})"] if number == 0 else []
            lines.append(f"_pl_add({base64.b64encode(piece)!r})")
            if number == len(pieces) - 1:
                lines.append(f"_pl_end({path!r})")
            self.do("\n".join(lines))

    def copy(self, source: str, path: str) -> None:
        """Copies a file there, as `write` does."""
        self.do(f"_pl_copy({source!r}, {path!r})")

    def rename(self, source: str, path: str) -> None:
        """Renames a file or folder."""
        self.do(f"os.rename({source!r}, {path!r})")

    def remove(self, path: str) -> None:
        """Removes a file, or a folder with all in it; nothing where there is none."""
        self.do(f"_pl_remove({path!r})")


@contextlib.contextmanager
def at_repl(port: Port, patience: float = 1) -> Iterator[Repl]:
    """A `Repl` that restarts the board's program where an error or Ctrl-C ends the block."""
    repl = Repl(port, patience)
    try:
        yield repl
    except BaseException:
        repl.restart()
        raise
    finally:
        repl.close()


def heard(path: str, wait_s: float, until: bytes) -> bytes:
    """What the board says by itself within `wait_s`, or until it says `until`."""
    port = open_exclusive(path)
    try:
        return _read(port, wait_s, until)
    finally:
        os.close(port)


def _value(text: str) -> Any:
    """A value that was printed. ValueError where it is none."""
    try:
        return ast.literal_eval(text)
    except (SyntaxError, TypeError) as error:
        raise ValueError(text) from error


def _read(port: int, wait_s: float, until: bytes = b"") -> bytes:
    said = b""
    end_s = time.monotonic() + wait_s
    while (left_s := end_s - time.monotonic()) > 0 and not (until and until in said):
        if select.select([port], [], [], left_s)[0]:
            try:
                piece = os.read(port, 4096)
            except OSError:
                break
            if not piece:
                break
            said += piece
    return said
