"""The process behind one virtual board: power, resets, watchdog, timers, USB port, flash.

It starts the interpreter, one process per boot, and is between it and the world: the board's side
speaks over the bus (`board/_sim_bus.py`), the world's over a socket. When that socket closes,
because the world ended or was killed, everything here ends.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from picosim.base import system
from picosim.base.child import Served, serve
from picosim.base.events import Timer
from picosim.base.lines import Message
from picosim.bluetooth.ports import BluetoothPort
from picosim.i2c.ports import I2cPorts
from picosim.runner import flash, interpreter
from picosim.runner.output import Log
from picosim.runner.run import BoardProcess
from picosim.runner.usb_port import UsbPort
from picosim.uart.ports import UartPorts

ENUMERATION_S = 0.1
"""How long USB is gone at a hard reset (about a second on a real host)."""
RAW_REPL = b"raw REPL; CTRL-B to exit"
POWER_ON = 1
WATCHDOG = 3
FIRST_SECOND = 1609459200
"""2021-01-01, the time at which the clock of a board starts that nobody set."""


class Supervisor(Served):
    """One board's hardware, as far as it is not the interpreter."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        self.interpreter = interpreter.load()
        self.process: BoardProcess | None = None
        self.around: dict[tuple[str, Any], Any] = {}  # what the world drives
        self.log = Log(self.world.send)
        self.plugged: bool = config["plugged"]
        self.rtc_offset_s = 0
        self.on_air = False  # its program uses its radio
        self.wired = config["wired"]
        self.watchdog: Timer | None = None
        self.later: Timer | None = None
        self.uarts = UartPorts(self.loop, partial(self._tell_board, "uart"))
        self.i2cs = I2cPorts(self.loop, partial(self._tell_board, "i2c"))
        self.bluetooth = BluetoothPort(
            self.loop, config["bluetooth"], partial(self._tell_board, "bluetooth")
        )
        self.port: UsbPort | None = None
        self.pty = (-1, -1)
        if config["usb"] == "rp2":
            self.port = UsbPort(self.loop, Path(config["usb_path"]), self._keyboard_interrupt)
        else:
            self.pty = system.open_pty()
            Path(config["usb_path"]).symlink_to(os.ttyname(self.pty[1]))

    def run(self) -> None:
        """Serve until the world goes."""
        try:
            self._make_flash()
            self.power_on()
            self.world.send("started")
            super().run()
        finally:
            self._stop()

    # -- power and resets

    def power_on(self) -> None:
        """Apply power."""
        if self.process or self.later:
            return
        self.rtc_offset_s = FIRST_SECOND - int(time.time())
        self.boot(POWER_ON)

    def boot(self, cause: int, raw_repl: bool = False) -> None:
        """Start the interpreter; `cause` as machine.reset_cause() tells it."""
        self.later = None
        self.cause, self.raw_repl = cause, raw_repl
        if self.port and self.plugged:
            self.port.plug()
        config = {
            "usb": self.config["usb"],
            "firmware": self.config["firmware"],
            "unique_id": self.config["unique_id"],
            "address": self.config["address"],
            "air": [*self.config["air"], self.wired and not self.on_air],
            "bluetooth": self.config["bluetooth"],
            "flash": self.config["flash"],
            "flash_blocks": flash.BLOCK_COUNT,
            "reset_cause": cause,
            "rtc_offset_s": self.rtc_offset_s,
            "raw": raw_repl,
            "here": self.config["board_directory"],
        }
        arguments = ["-X", f"heapsize={self.config['heap_bytes']}", "-i"]
        arguments.append(self.config["board_directory"] + "/start.py")
        self.process = BoardProcess(self, arguments, config)
        if raw_repl and self.interpreter.program and self.port:
            self.port.put(b"\x01")
        for what, level in self.around.items():
            self.process.send(*what, level)
        self._feed()

    def hard_reset(self, off_s: float = ENUMERATION_S, cause: int = WATCHDOG) -> None:
        """Reset as by the RUN pin: USB goes away for a moment, then all begins anew."""
        self._stop()
        self.world.send("state", "reset")
        self.later = self.loop.after(off_s, lambda: self.boot(cause))

    def power_off(self) -> None:
        """Take the power away at once."""
        self._stop()
        self.world.send("state", "off")

    def _stop(self) -> None:
        for timer in (self.later, self.watchdog):
            if timer:
                timer.cancel()
        self.later = self.watchdog = None
        self.on_air = False
        self.bluetooth.dark()
        self.world.send("dark")  # before its connections end: nobody says goodbye on them
        if self.process:
            self.process.kill()
            self.process = None
        if self.port:
            self.port.unplug()
            self.port.forget()

    def ended(self, status: int) -> None:
        """The interpreter's process ended by itself."""
        self.process = None
        soft = os.WIFEXITED(status) and (
            os.WEXITSTATUS(status) & ~1 == interpreter.EXIT_SOFT_RESET or self.interpreter.program
        )
        if soft:
            raw = os.WEXITSTATUS(status) == interpreter.EXIT_SOFT_RESET + 1
            if self.interpreter.program:  # it doesn't tell: what did it print last?
                raw = self.log.printed.rfind(RAW_REPL) > self.log.printed.rfind(b"\n>>> ")
            self._soft_reset(raw)
        else:
            code = os.waitstatus_to_exitcode(status)
            self.log.add(f"[the interpreter ended unexpectedly: {code}]\n".encode())
            self.bluetooth.dark()
            self.world.send("state", "crashed")

    def _soft_reset(self, raw_repl: bool) -> None:
        if self.process:
            self.process.kill()
        self.bluetooth.reset()
        self.printed(b"MPY: soft reboot\r\n")
        self.boot(self.cause, raw_repl)

    # -- USB

    def printed(self, data: bytes) -> None:
        """The firmware itself printed something."""
        if self.port:
            self.log.add(data)
            self.port.write(data)
        else:
            os.write(self.pty[0], data)

    def _keyboard_interrupt(self) -> bool:
        return self.process is not None and self.process.keyboard_interrupt()

    # -- messages

    def from_board(self, message: Message) -> None:
        """A message from the board that is not about its process."""
        kind = message[0]
        if kind == "wdt":
            if self.watchdog:
                self.watchdog.cancel()
            self.watchdog = self.loop.after(message[1] / 1000, self.hard_reset)
        elif kind == "reset":
            self.hard_reset()
        elif kind == "soft":
            self._soft_reset(self.raw_repl)
        elif kind == "deepsleep":
            self._stop()
            self.world.send("state", "deepsleep")
            if message[1] is not None:
                delay_s = message[1] / 1000
                self.later = self.loop.after(delay_s, lambda: self.boot(WATCHDOG))
        elif kind == "bootloader":
            self._stop()
            self.world.send("state", "bootloader")
        elif kind == "rtc":
            self.rtc_offset_s = message[1]
        elif kind == "uart":
            self.uarts.used(message[1])
        elif kind == "uart break":
            self.uarts.broken(message[1])
        elif kind == "i2c":
            if self.process:
                self.i2cs.used(message[1], self.process.pid)
        elif kind == "bluetooth":
            self.bluetooth.used()
        elif kind == "air":
            self.on_air = True
        elif kind in ("up", "main", "repl"):
            self.world.send("state", kind)
        else:
            self.world.send(*message)

    def _told(self, message: Message) -> None:
        kind = message[0]
        if kind in ("ext", "adc"):
            self.around[kind, message[1]] = message[2]
            self._tell_board(*message)
        elif kind == "power":
            if message[1]:
                self.power_on()
            else:
                self.power_off()
        elif kind == "reset":
            self.hard_reset()
        elif kind == "plug":
            self.plugged = message[1]
            if self.port and not self.plugged:
                self.port.unplug()
            elif self.port and self.process:
                self.port.plug()
            self._feed()
        elif kind == "uart":
            self.uarts.wire(*message[1:])
        elif kind == "i2c":
            self.i2cs.wire(*message[1:])
        elif kind == "wired":
            self.wired = message[1]
        elif kind == "log":
            self.log.ask(*message[1:])

    def _feed(self) -> None:
        """5 V at VBUS or none, which a Pico W has at a pin of its radio."""
        self._tell_board("ext", "WL_GPIO2", int(self.plugged))

    def _tell_board(self, *message: Any) -> None:
        if self.process:
            self.process.send(*message)

    def _make_flash(self) -> None:
        image = Path(self.config["flash"])
        if image.exists():
            return
        cached = Path(self.config["cached_image"])
        if flash.copy(cached, image):  # another board has made it meanwhile
            return
        said = flash.make(self.interpreter, image, self.config["staged"])
        if said:
            self.world.send("no flash", said)
            sys.exit(1)
        flash.store(image, cached.stem, cached.parent)


def main() -> None:
    """Run the board that the first argument (JSON) describes."""
    # Interpreters begin with these: a Ctrl-C that comes before they listen is a byte of input.
    for number in (signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    serve(Supervisor)
