"""USB on the host: a serial port that only this program has, frames among the board's text."""

from __future__ import annotations

import asyncio
import os
import select
import time
from collections.abc import Callable

from ...core.errors import CannotConnect
from ...core.frames import MAX_PACKET_BYTES
from ...core.packets import HELLO
from ...core.textstream import PROMPT, Decoder, encode
from ..write_buffer import WriteBuffer
from .discover import open_exclusive, resolve
from .identify import ANSWER_MS, PROBE, Found, identify, unread
from .port_turns import turn
from .serial_port import read, take_back, write
from .unanswered import Unanswered

_AGAIN_S = 1.0  # for a program to end at Ctrl-C, before it is pressed again

HELP: dict[str, tuple[str, str, dict[str, str]]] = {
    "usb": (
        "usb:auto | usb:NAME | usb:SERIAL | /dev/ttyACM0 | COM3",
        "a board on a USB cable; auto takes the only one",
        {},
    ),
}


class UsbLink(WriteBuffer):
    """A serial port on a descriptor."""

    stream = True
    reliable = True
    window_bytes = 0
    mtu_bytes = MAX_PACKET_BYTES
    takes_bytes = MAX_PACKET_BYTES

    def __init__(self, fd: int, path: str, address: str) -> None:
        self.pollable = fd
        self.path = path
        self.address = address
        self.on_text: Callable[[bytes], object] = len
        self._gone = f"{address} was unplugged, or the board was reset"
        self._decoder = Decoder(self._text)
        self._last = b""  # frame sent, by which an echo is known
        self._unanswered = Unanswered(path)
        self._held = b""  # frames for a node that has stopped answering

    def _text(self, text: bytes) -> None:
        self._unanswered.heard_text()
        self.on_text(text)

    def receive(self) -> list[bytes]:
        """The packets that have come."""
        packets = self._decoder.feed(read(self.pollable, self._gone))
        if packets:
            self._heard(packets)
        return packets

    def _heard(self, packets: list[bytes]) -> None:
        unanswered = self._unanswered
        if not unanswered.met:
            # What a board says to nobody stays with it, and comes once the port is opened. An
            # answer to a hello shows that it reads.
            if not any(HELLO in packet[:1] for packet in packets):
                return
            unanswered.met = True
        unanswered.answered()
        if self._held:
            held, self._held = self._held, b""
            self.write(held)

    def send(self, packet: bytes) -> None:
        """Sends a packet, in one write, to a board that reads what comes; to any other one little.
        A hello comes again if it was not said; what a node has no ears for waits for it."""
        self._last = frame = encode(packet, PROMPT)
        if self._unanswered.may_ask(len(frame)):
            self.write(frame)
        elif self._unanswered.met and HELLO not in packet[:1]:
            self._held += frame

    def _write(self, data: bytes) -> int:
        count = write(self.pollable, data, self._gone)
        if count:
            self._unanswered.written(count)
        return count

    def diagnose(self, heard: bytes, wait: Callable[[int], bytes]) -> Found:
        """Names what is there instead of a node. `heard` came since our hello; `wait(ms)` gives
        what comes next."""
        unanswered = self._unanswered
        if unanswered.may_probe(len(PROBE)):
            self.write(PROBE)
        found = identify(heard, heard, wait(ANSWER_MS), hello=self._last, port=self.path)
        if found.final:
            unanswered.answered()  # a prompt has taken it
        elif self.rest or unanswered.kept_back:
            return unread(found, unanswered.count, self.path)
        return found

    def restart(self, timeout_s: float = 3) -> None:
        """Stops whatever runs on the board and starts its main.py anew, from either REPL."""
        self._type(b"\r\x03\x03", timeout_s, b">")
        self._type(b"\r\x03\x02", timeout_s, b">>>")  # the prompt seen may be of before a boot
        self._unanswered.answered()
        self.write(b"\x04")

    def _type(self, keys: bytes, timeout_s: float, prompt: bytes) -> None:
        """Sends keys until `prompt` ends what comes back: a board that is starting misses some."""
        poll = select.poll()
        poll.register(self.pollable, select.POLLIN)
        end_s = time.monotonic() + timeout_s
        again_s = 0.0
        heard = b""
        while not heard.rstrip(b" ").endswith(prompt):
            now_s = time.monotonic()
            if now_s >= end_s:
                raise CannotConnect(
                    f"{self.address}: Ctrl-C does not stop the program there: unplug the board "
                    "and plug it in again"
                )
            if now_s >= again_s:
                self.write(keys)
                again_s = now_s + _AGAIN_S
            if poll.poll(max(0, min(end_s, again_s) - now_s) * 1000):
                heard = (heard + os.read(self.pollable, 65536))[-4096:]

    def close(self) -> None:
        """Closes the port."""
        fd, self.pollable = self.pollable, -1
        if fd >= 0:
            if self._unanswered.silent:
                take_back(fd)
            self._unanswered.note()
            os.close(fd)


def open_link(scheme: str, where: str, options: dict[str, str], timeout_s: float = 10) -> UsbLink:
    """Opens the port that `usb:WHERE` names."""
    port = resolve(where)
    with turn(port.path):
        fd = open_exclusive(port.path)
    return UsbLink(fd, port.path, "usb:" + (port.name or port.path))


async def open_async(scheme: str, where: str, options: dict[str, str]) -> UsbLink:
    """The same, without holding up the event loop."""
    return await asyncio.get_running_loop().run_in_executor(None, open_link, scheme, where, options)
