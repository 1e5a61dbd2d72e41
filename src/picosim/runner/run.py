"""One run of the interpreter, from a boot to the next: its process, bus, interrupts, timers."""

from __future__ import annotations

import functools
import json
import os
import signal
import socket
import time
from typing import TYPE_CHECKING, Any

from picosim.base.events import Timer
from picosim.base.lines import Lines, Message
from picosim.i2c.page import I2cFiles
from picosim.uart.board import UartFiles

if TYPE_CHECKING:
    from picosim.runner.supervisor import Supervisor

NUDGES_S = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.02)
"""When a blocking call is interrupted again, should the first signal have come just before it."""
FIRST_PORT_FD = 6
"""Of the interpreter: three for each UART, then two for each I2C block."""
FIRST_NUMBER, LAST_NUMBER = 128, 255
"""Of interrupts, apart from what else comes on their line."""
INTERRUPT_DELAY_S = 0.0002
"""Time for a callback that asks to be interrupted to come to its end first."""


class BoardProcess:
    """Starts an interpreter and serves it until it ends or is killed."""

    def __init__(self, board: Supervisor, arguments: list[str], config: dict[str, Any]) -> None:
        self._board = board
        self._loop = board.loop
        self._timers: dict[int, Timer] = {}
        self._interrupts = False
        self._asked = False  # an interrupt is under way
        self._more = False  # and something came after it
        self._number = LAST_NUMBER  # of the interrupt asked for last
        self._nudging: Timer | None = None
        self._output = b""
        bus, bus_there = socket.socketpair()
        bus_there.setblocking(False)
        self._irq, irq_there = socket.socketpair()
        self._out, out_there = socket.socketpair()
        fds = {3: bus_there.fileno(), 4: irq_there.fileno(), 5: out_there.fileno()}
        self._text = -1
        if board.port:
            # All that the interpreter's C code prints (REPL, tracebacks) comes through this pipe.
            self._text, text_there = os.pipe()
            os.set_blocking(self._text, False)
            fds |= {0: board.port.input, 1: text_there, 2: text_there}
        else:
            fds |= {0: board.pty[0], 1: board.pty[0], 2: board.pty[0]}
        uarts, i2cs = [UartFiles(), UartFiles()], [I2cFiles(), I2cFiles()]
        ports: list[UartFiles | I2cFiles] = [*uarts, *i2cs]
        of_board = [fd for files in ports for fd in files.of_board()]
        fds |= dict(enumerate(of_board, FIRST_PORT_FD))
        bus.sendall(json.dumps(["config", config]).encode() + b"\n")
        self.pid = board.interpreter.start(arguments, fds, config["raw"])
        for end in (bus_there, irq_there, out_there):
            end.close()
        for files in ports:
            files.close_board()
        board.uarts.begin(uarts)
        board.i2cs.begin(i2cs)
        if board.port:
            os.close(text_there)
            self._loop.on_readable(self._text, self._printed)
        self.lines = Lines(self._loop, bus, self._from_board)
        self._irq.setblocking(False)
        self._loop.on_readable(self._irq.fileno(), self._interrupt_answer)
        self._loop.on_readable(self._out.fileno(), self._wrote)
        self._exit = os.pidfd_open(self.pid)
        self._loop.on_readable(self._exit, self._ended)

    def send(self, *message: Any) -> None:
        """Send the board a message, as an interrupt if it listens to interrupts."""
        self.lines.send(*message)
        if self._asked:
            self._more = True
        elif self._interrupts:
            self._ask()

    def kill(self) -> None:
        """End the process at once."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self._all_printed()
        self._close()

    # -- interrupts: a thread there schedules; the signal gets a blocking call to look

    def _ask(self) -> None:
        self._asked = True
        self._more = False
        self._number = self._number + 1 if self._number < LAST_NUMBER else FIRST_NUMBER
        try:
            self._irq.send(bytes((self._number,)))
        except OSError:
            return

    def _interrupt_answer(self) -> None:
        try:
            answer = self._irq.recv(64)
        except OSError:
            return
        if not answer:  # it ended
            self._loop.on_readable(self._irq.fileno(), None)
        # An answer to one that was asked for twice is late: it is none to what was asked since.
        if self._number in answer:
            self._asked = False
            if self._more:
                self._ask()
        else:
            self._nudge()
            self._again(0)

    def _again(self, step: int) -> None:
        def check() -> None:
            if self._asked:
                self._nudge()
                if step == len(NUDGES_S) - 1:
                    self._ask()  # its queue was full
                else:
                    self._again(step + 1)

        if self._nudging:
            self._nudging.cancel()
        self._nudging = self._loop.after(NUDGES_S[step], check)

    def _nudge(self) -> None:
        if self._exit >= 0:
            self._board.interpreter.nudge(self.pid)

    def keyboard_interrupt(self, asked: bool = False) -> bool:
        """Raise KeyboardInterrupt, unless micropython.kbd_intr(-1) or the REPL switched it off;
        `asked`: even then."""
        if self._exit < 0 or not self._board.interpreter.interrupt(self.pid, asked=asked):
            return False
        for delay_s in NUDGES_S:
            self._loop.after(delay_s, self._nudge)
        return True

    # -- output

    def _printed(self) -> None:
        port = self._board.port
        assert port
        if not port.idle:  # what is before it must go out first, or be given up
            self._loop.on_readable(self._text, None)
            self._loop.after(0.0005, self._watch_text)
        elif self._pass_on(256) == b"":
            self._loop.on_readable(self._text, None)

    def _pass_on(self, most: int) -> bytes | None:
        """What the interpreter printed; None: nothing yet, b"": nothing more."""
        try:
            data = os.read(self._text, most)
        except OSError:
            return None
        if data:
            self._board.printed(data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
        return data

    def _watch_text(self) -> None:
        if self._text >= 0:
            self._loop.on_readable(self._text, self._printed)

    def _all_printed(self) -> None:
        # In order: what the interpreter printed comes before what the program writes now.
        while self._pass_on(4096):
            pass

    def _wrote(self) -> None:
        port = self._board.port
        try:
            data = self._out.recv(65536)
        except ConnectionResetError:  # it ended with an answer unread
            data = b""
        if not data or not port:
            self._loop.on_readable(self._out.fileno(), None)
            return
        self._output += data
        while len(self._output) >= 4:
            number, kind, low, high = self._output[:4]
            if kind:
                self._output = self._output[4:]
                self._answer(number, 1, int(port.has_room()))
                continue
            length = low | high << 8
            if len(self._output) < 4 + length:
                return
            chunk, self._output = self._output[4 : 4 + length], self._output[4 + length :]
            self._all_printed()
            port.abandon()
            self._board.log.add(chunk)
            port.write(chunk, functools.partial(self._answer, number, 0))

    def _answer(self, number: int, kind: int, value: int) -> None:
        try:
            self._out.send(bytes((number, kind, value & 0xFF, value >> 8)))
        except OSError:
            pass  # the board was reset meanwhile

    # -- messages

    def _from_board(self, message: Message) -> None:
        kind = message[0]
        if kind == "irq":
            self._interrupts = True
        elif kind == "timer":
            self._set_timer(message[1], message[2], message[3])
        elif kind == "interrupt":
            # Whether it is allowed was decided on the board, which may have changed it since.
            self._loop.after(INTERRUPT_DELAY_S, lambda: self.keyboard_interrupt(asked=True))
        elif kind == "input":
            assert self._board.port
            self._board.port.put(bytes((message[1],)))
        else:
            self._board.from_board(message)

    def _set_timer(self, number: int, first_us: int | None, period_us: int) -> None:
        old = self._timers.pop(number, None)
        if old:
            old.cancel()
        if first_us is not None:
            self._arm(number, time.monotonic() + first_us / 1e6, period_us)

    def _arm(self, number: int, when: float, period_us: int) -> None:
        def due() -> None:
            self.send("timer", number)
            if period_us:
                # A board that can't follow loses ticks, it doesn't collect them.
                following = max(when + period_us / 1e6, time.monotonic())
                self._arm(number, following, period_us)

        self._timers[number] = self._loop.at(when, due)

    # -- the end

    def _ended(self) -> None:
        status = os.waitpid(self.pid, 0)[1]
        self._all_printed()
        self._close()
        self._board.ended(status)

    def _close(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._interrupts = self._asked = False
        self._board.uarts.end()
        self._board.i2cs.end()
        self.lines.close()
        for end in (self._irq, self._out):
            self._loop.on_readable(end.fileno(), None)
            end.close()
        if self._text >= 0:
            self._loop.on_readable(self._text, None)
            os.close(self._text)
            self._text = -1
        self._loop.on_readable(self._exit, None)
        os.close(self._exit)
        self._exit = -1
