"""A virtual board whose `bluetooth` a test drives from the raw REPL."""

from __future__ import annotations

from typing import Any

from wlan import Wlan

from picosim import World

SETUP = """
import bluetooth, time
from bluetooth import UUID
ble = bluetooth.BLE()
events = []
on_event = None  # what the handler returns

def irq(event, data):
    copied = [event]
    for x in data:
        copied.append(x if isinstance(x, int) else bytes(x))
    events.append(tuple(copied))
    if on_event:
        return on_event(event, data)

def wait(number, timeout_ms=4000, keep=False):  # the next event of that number
    end = time.ticks_add(time.ticks_ms(), timeout_ms)
    while True:
        for event in events:
            if event[0] == number:
                if not keep:
                    events.remove(event)
                return event[1:]
        if time.ticks_diff(end, time.ticks_ms()) < 0:
            return None
        time.sleep_ms(1)

def until(is_so, timeout_ms=4000):
    end = time.ticks_add(time.ticks_ms(), timeout_ms)
    while not is_so():
        if time.ticks_diff(end, time.ticks_ms()) < 0:
            return False
        time.sleep_ms(1)
    return True

def all_of(number):
    return [event[1:] for event in events if event[0] == number]

def error(function, *args, **kw):
    try:
        function(*args, **kw)
    except OSError as e:
        return e.errno
    except Exception as e:
        return type(e).__name__ + ": " + str(e)
    return 0

def begin():
    global on_event
    on_event = None
    ble.active(False)
    ble.irq(irq)
    ble.active(True)
    del events[:]

READ, WRITE_NR, WRITE, NOTIFY, INDICATE = 2, 4, 8, 16, 32
SERVICE = UUID(0x1848)
TEMPERATURE = UUID(0x2A6E)
RX = UUID("6E400002-B5A3-F393-E0A9-E50E24DCCA9E")
AGAIN = UUID(0x2A6F)

def serve():  # a value to read, one to write, one that is indicated
    ((h, rx, ind),) = ble.gatts_register_services((
        (SERVICE, ((TEMPERATURE, READ | NOTIFY), (RX, WRITE | WRITE_NR), (AGAIN, READ | INDICATE))),
    ))
    return h, rx, ind

def advertise(name=b"lamp"):
    ble.gap_advertise(30000, b"\\x02\\x01\\x06" + bytes((len(name) + 1, 9)) + name)

def connect(mac, timeout_ms=2000, low=7500, high=7500):
    ble.gap_connect(0, mac, timeout_ms, low, high)
    found = wait(7)
    return found and found[0]
"""


class BleBoard(Wlan):
    """A board; `ask` evaluates there, `do` executes."""

    def __init__(self, world: World, name: str) -> None:
        super().__init__(world, name, SETUP)

    def wait(self, number: int, timeout_ms: int = 4000) -> Any:
        """What came with the next event of that number; AssertionError if none came."""
        found = self.ask(f"wait({number}, {timeout_ms})")
        assert found is not None, (number, self.ask("events"), self.board.log_text()[-2000:])
        return found

    @property
    def mac(self) -> bytes:
        return self.board.bluetooth.mac


def connected(central: BleBoard, peripheral: BleBoard, **parameters: int) -> tuple[int, int]:
    """Connect two boards; the handles of the connection at either."""
    peripheral.do("advertise()")
    given = "".join(f", {name}={value}" for name, value in parameters.items())
    handle = central.ask(f"connect({central_sees(peripheral)}{given})")
    assert handle is not None, central.ask("events")
    return handle, peripheral.wait(1)[0]


def central_sees(peripheral: BleBoard) -> bytes:
    """The address of a board, as another one connects to it."""
    return peripheral.mac
