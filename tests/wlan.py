"""A virtual board whose radio a test drives from the raw REPL."""

from __future__ import annotations

import ast
from typing import Any

from raw_repl import RawRepl

from picosim import VirtualBoard, World

SETUP = """
import network, socket, time
sta = network.WLAN(network.STA_IF)
ap = network.WLAN(network.AP_IF)

def until(is_so, timeout_ms=3000):  # the CYW43 tells nobody: it is asked
    end = time.ticks_add(time.ticks_ms(), timeout_ms)
    while not is_so():
        if time.ticks_diff(end, time.ticks_ms()) < 0:
            return False
        time.sleep_ms(5)
    return True

def join(ssid, key=None):
    sta.active(True)
    sta.connect(ssid, key)
    until(lambda: sta.status() not in (1, 2))
    return sta.status()

def error(function, *args):
    try:
        function(*args)
    except OSError as e:
        return e.errno
    return 0

def dial(ip, port, timeout_s=0.3):
    s = socket.socket()
    s.settimeout(timeout_s)
    s.connect(socket.getaddrinfo(ip, port)[0][-1])
    return s

def listen(port):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("0.0.0.0", port))
    s.listen(2)
    s.settimeout(3)
    return s
"""


class Wlan:
    """A board; `ask` evaluates there, `do` executes."""

    def __init__(self, world: World, name: str, setup: str = SETUP) -> None:
        self.board: VirtualBoard = world.board(name)
        self.repl = RawRepl(self.board.usb_path)
        self.enter(setup)

    def enter(self, setup: str = SETUP) -> None:
        """Once it is at the prompt, into the raw REPL, with the helpers there."""
        self.repl.until(b">>> ")
        self.repl.enter()
        self.repl.run(setup)

    def do(self, source: str) -> None:
        """Execute."""
        self.repl.run(source)

    def ask(self, expression: str) -> Any:
        """The value of an expression."""
        return ast.literal_eval(self.repl.run(f"print(repr(({expression})))").decode())
