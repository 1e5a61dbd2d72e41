"""Bluetooth LE: picolink beside a bare notify flood and a bare echo, on the same virtual air.

Alone: `python -m bench.ble`. The pace is the connection interval's, as on real hardware; what is
compared is how much of it is used.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import bleak

import picolink
from picolink.packing import compile_all
from picosim import BluetoothFaults, World
from picosim.bluetooth.backend import install_for_bleak

INTERVALS_MS = (7.5, 30)
SECONDS = 4  # of payload for each figure
ECHOES = 60
TEXT = "echo of thirty-two characters .."
CHUNK = 8_192
DATA = bytes(range(256)) * (CHUNK // 256)
SIZE = 495  # two radio packets, as the link has them: 514 are three, and slower
ROUND_TRIP = "round trip"
DOWN, UP = "2a01", "2a02"
RAW = """
import bluetooth, time
from bluetooth import UUID
ble = bluetooth.BLE()
conn = 0
left = 0
taken = 0

def irq(event, data):
    global conn, left, taken
    if event == 1:
        conn = data[0]
    elif event == 2:
        advertise()
    elif event == 3:
        value = ble.gatts_read(down)
        if value[:1] == b"f":
            left = int(value[1:])
        elif value[:1] == b"d":
            taken += 1
            if value[1:2] == b"!":
                ble.gatts_notify(conn, up, b"%d" % taken)
                taken = 0
        else:
            ble.gatts_notify(conn, up, value)

def advertise():
    ble.gap_advertise(30000, b"\\x02\\x01\\x06\\x04\\x09raw")

ble.irq(irq)
ble.active(True)
((down, up),) = ble.gatts_register_services(((UUID(0x2A00), (
    (UUID(0x2A01), 4), (UUID(0x2A02), 16))),))
ble.gatts_set_buffer(down, 600)
advertise()
payload = bytes(495)
while True:
    if left:
        try:
            ble.gatts_notify(conn, up, payload)
            left -= 1
        except OSError:
            time.sleep_ms(1)
    else:
        time.sleep_ms(5)
"""
NODE = """
from picolink import Node
node = Node("node", max_message_bytes=60_000)
DATA = bytes(range(256)) * 32

@node.command
def echo(value):
    return value

@node.command
def bring(n):
    return DATA[:n]

@node.command
def take(data):
    return len(data)

node.run("ble-peripheral:")
"""


class Row(NamedTuple):
    """What was measured at one connection interval; ratios are picolink's to the bare one's."""

    what: str
    interval_ms: float
    bare: float
    picolink: float

    @property
    def ratio(self) -> float:
        """Of picolink to bare."""
        return self.picolink / self.bare


def measure(intervals_ms: tuple[float, ...] = INTERVALS_MS) -> list[Row]:
    """Round trips in ms, flows in bytes/s."""
    install_for_bleak()
    rows = []
    for interval_ms in intervals_ms:
        with World(seed=1) as world:
            world.bluetooth.set(BluetoothFaults(interval_ms=interval_ms))
            raw = world.board("raw", main=RAW)
            raw.wait_ready()
            bare = asyncio.run(_bare())
            raw.kill()
            world.board("node", main=NODE, libs=compile_all(["ble"]), heap_bytes=1_000_000)
            with picolink.connect("ble:node") as host:
                ours = _ours(host)
        for what, one, other in zip((ROUND_TRIP, "board to host", "host to board"), bare, ours):
            rows.append(Row(what, interval_ms, one, other))
    return rows


async def _bare() -> tuple[float, float, float]:
    device = await bleak.BleakScanner.find_device_by_name("raw")
    assert device is not None
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    async with bleak.BleakClient(device) as client:
        await client.start_notify(UP, lambda _, data: heard.put_nowait(bytes(data)))
        trips = []
        for _ in range(ECHOES):
            began = time.perf_counter()
            await client.write_gatt_char(DOWN, TEXT.encode(), response=False)
            await heard.get()
            trips.append(time.perf_counter() - began)
        await _flood(client, heard, 20)  # how fast it is, to know how many fill the time
        began = time.perf_counter()
        await _flood(client, heard, 20)
        count = max(20, int(20 * SECONDS / (time.perf_counter() - began)))
        began = time.perf_counter()
        await _flood(client, heard, count)
        down = count * SIZE / (time.perf_counter() - began)
        began = time.perf_counter()
        for n in range(count):
            mark = b"d!" if n == count - 1 else b"d."
            await client.write_gatt_char(DOWN, mark + bytes(SIZE - 2), response=False)
        assert await heard.get() == b"%d" % count
        up = count * SIZE / (time.perf_counter() - began)
    return statistics.median(trips) * 1000, down, up


async def _flood(client: bleak.BleakClient, heard: asyncio.Queue[bytes], count: int) -> None:
    await client.write_gatt_char(DOWN, b"f%d" % count, response=False)
    for _ in range(count):
        await heard.get()


def _ours(host: Any) -> tuple[float, float, float]:
    trips = []
    for _ in range(ECHOES):
        began = time.perf_counter()
        assert host.call("echo", TEXT) == TEXT
        trips.append(time.perf_counter() - began)

    def bring() -> None:
        assert len(host.call("bring", CHUNK, timeout_s=60)) == CHUNK

    def take() -> None:
        assert host.call("take", DATA, timeout_s=60) == CHUNK

    return statistics.median(trips) * 1000, _flow(bring), _flow(take)


def _flow(job: Callable[[], None]) -> float:
    """Bytes/s, with two under way so that the air need not wait for us."""
    began = time.perf_counter()
    job()
    count = max(4, int(SECONDS / (time.perf_counter() - began)))
    with ThreadPoolExecutor(2) as pool:
        began = time.perf_counter()
        for done in [pool.submit(job) for _ in range(count)]:
            done.result()
        return count * CHUNK / (time.perf_counter() - began)


if __name__ == "__main__":
    for row in measure():
        unit = "ms" if row.what == ROUND_TRIP else "B/s"
        print(
            f"{row.what}, interval {row.interval_ms} ms: bare {row.bare:,.1f} {unit}, "
            f"picolink {row.picolink:,.1f} {unit}, ratio {row.ratio:.2f}"
        )
