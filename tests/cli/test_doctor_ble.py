"""`picolink doctor ble:NAME` and `picolink devices`: each cause is named, and what to do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

import picolink
from picolink.cli.commands.doctor import examine
from picolink.core.errors import BadAddress
from picolink.links.ble import doctor, stack
from picolink.links.ble.advertising import RX, SERVICE, TX
from picolink.links.host.diagnosis import Step
from picolink.packing import compile_all
from picosim import VirtualBoard, World
from picosim.bluetooth.faults import BluetoothFaults

CPYTHON_ONLY = "virtual boards, bleak"

NODE = """
from picolink import Node
node = Node(NAME)

@node.command
def echo(value):
    return value

node.run("usb:", "ble-peripheral:")
"""

# Something else, that advertises: as a stove, or with our service and no program behind it.
PLAIN = """
import asyncio, bluetooth
from bluetooth import UUID
ble = bluetooth.BLE()
ble.active(True)
ble.gatts_register_services(SERVICES)
ble.gap_advertise(50_000, adv_data=ADVERTISED, connectable=CONNECTABLE)
asyncio.run(asyncio.Event().wait())
"""
STOVE = "((UUID(0x1848), ((UUID(0x2A6E), 2),)),)"
SILENT = f"((UUID({SERVICE!r}), ((UUID({RX!r}), 12), (UUID({TX!r}), 16))),)"


@pytest.fixture
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PICOLINK_SIM_DIR", str(tmp_path_factory.mktemp("announced")))
        with World(seed=1) as world:
            world.bluetooth.set(BluetoothFaults(interval_ms=7.5))
            yield world


def node(world: World, name: str, board_name: str = "") -> VirtualBoard:
    libs = compile_all(["usb", "ble", "describe"])
    board = world.board(board_name or name, main=f"NAME = {name!r}\n{NODE}", libs=libs)
    with picolink.connect(board.usb_path):
        return board


def device(world: World, services: str, connectable: bool = True) -> VirtualBoard:
    program = PLAIN.replace("SERVICES", services).replace("CONNECTABLE", str(connectable))
    return world.board(
        "stove", main=program.replace("ADVERTISED", repr(b"\x02\x01\x06\x06\x09stove"))
    )


def fault(kind: str, *words: str, address: str = "ble:shed") -> list[Step]:
    """The steps, of which the last one fails in this way and says these words."""
    steps = list(examine(address))
    last = steps[-1]
    assert not last.ok and last.kind == kind, steps
    told = f"{last.why} {last.advice}"
    for word in words:
        assert word in told, last
    for text in (last.why, last.advice):
        assert text.endswith((".", "!")) and "\n" not in text, last
    return steps


def test_all_is_well(world: World) -> None:
    node(world, "shed")
    steps = list(examine("ble:shed"))
    assert all(step.ok for step in steps), steps
    assert [step.kind for step in steps].count("node") == 1
    assert "495 bytes" in steps[2].why and "dBm" in steps[1].why
    assert steps[4].what.startswith("a call comes back")


def test_bleak_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bleak", None)
    fault("no bleak", "pip install 'picolink[ble]'")
    with pytest.raises(picolink.CannotConnect, match=r"pip install 'picolink\[ble\]'"):
        picolink.connect("ble:shed")


@pytest.mark.skipif(sys.platform != "linux", reason="BlueZ is Linux's")
def test_linux_without_its_bluetooth_service(monkeypatch: pytest.MonkeyPatch) -> None:
    # bleak itself, as it is: there is no D-Bus to find BlueZ on.
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus")
    fault("no BlueZ", "sudo apt install bluez", "systemctl enable --now bluetooth")


def test_the_adapter(world: World) -> None:
    node(world, "shed")
    world.bluetooth.host.off()
    fault("adapter off", "rfkill unblock bluetooth", "bluetoothctl power on")
    world.bluetooth.host.remove()
    fault("no adapter", "dtoverlay=disable-bt", "USB adapter")


def _errors() -> list[tuple[Exception, str]]:
    from bleak.exc import BleakBluetoothNotAvailableError as NotAvailable
    from bleak.exc import BleakBluetoothNotAvailableReason as Reason
    from bleak.exc import BleakDBusError, BleakError

    return [
        (NotAvailable("-", Reason.NO_BLUETOOTH), "no adapter"),
        (NotAvailable("-", Reason.POWERED_OFF), "adapter off"),
        (NotAvailable("-", Reason.NO_BLE_CENTRAL_ROLE), "no low energy"),
        (NotAvailable("-", Reason.DENIED_BY_USER), "not permitted"),
        (NotAvailable("-", Reason.DENIED_BY_SYSTEM), "not permitted"),
        (BleakDBusError("org.freedesktop.DBus.Error.ServiceUnknown", ["-"]), "no BlueZ"),
        (BleakDBusError("org.freedesktop.DBus.Error.AccessDenied", ["-"]), "not permitted"),
        (BleakDBusError("org.bluez.Error.NotReady", ["-"]), "adapter off"),
        (PermissionError(13, "Permission denied"), "not permitted"),
        (BleakError("adapter 'hci0' not found"), "scan failed"),
    ]


@pytest.mark.parametrize(("error", "kind"), _errors(), ids=lambda value: str(value)[:40])
def test_what_the_system_says(error: Exception, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Scanner:
        def __init__(self, *_: Any, **__: Any) -> None:
            pass

        async def start(self) -> None:
            raise error

    monkeypatch.setattr(stack, "BACKENDS", (Scanner, None))
    fault(kind)


def test_it_does_not_advertise(world: World) -> None:
    node(world, "attic")
    fault("not advertising", "off or out of range", "taken by another central", "attic")


def test_out_of_range_and_weak(world: World) -> None:
    board = node(world, "shed")
    board.bluetooth.out_of_range()
    fault("not advertising", "out of range")
    board.bluetooth.back()
    board.bluetooth.move(65)
    weak = [step for step in examine("ble:shed") if not step.ok]
    assert weak[0].kind == "weak signal" and " dBm" in weak[0].why and "nearer" in weak[0].advice


def test_taken_by_another_central(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    board = node(world, "shed")
    with picolink.connect("ble:shed"):
        fault("not advertising", "taken by another central", "End other programs and phone apps")

        async def held() -> list[Any]:
            from bleak.backends.device import BLEDevice

            return [BLEDevice(board.bluetooth.address, "shed", None)]

        # As BlueZ tells it: here the simulated system does not.
        monkeypatch.setattr(doctor, "held", held)
        address = f"ble:{board.bluetooth.address}"
        fault("taken", "This computer is connected to it already", address=address)


def test_a_name_seen_twice(world: World) -> None:
    boards = [node(world, "shed", f"shed-{i}") for i in range(2)]
    fault("name seen twice", *(board.bluetooth.address for board in boards), "name of its own")


def test_a_device_that_is_no_node(world: World) -> None:
    device(world, STOVE)
    fault("no node", "has not our service", "ble-peripheral:", address="ble:stove")


def test_a_node_that_says_nothing(world: World) -> None:
    device(world, SILENT)
    fault("no answer", "busy with something that blocks", address="ble:stove")


def test_no_connection_comes_about(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_CONNECT_S", 2.0)
    device(world, STOVE, connectable=False)
    fault("no connection", "almost out of range", address="ble:stove")


def test_what_is_no_address() -> None:
    for address in ("ble:", "ble-peripheral:"):
        with pytest.raises(BadAddress, match="wants a name or address"):
            list(examine(address))


def run(*arguments: str) -> str:
    """What `picolink ARGUMENTS` prints, as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "picolink.cli", *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE, text=True, timeout=60,
    ).stdout  # fmt: skip


def test_devices_and_doctor_find_what_advertises(world: World) -> None:
    boards = [node(world, "greenhouse"), *(node(world, "twin", f"twin-{i}") for i in range(2))]
    for board in boards:
        board.unplug()
    device(world, STOVE)
    rows = json.loads(run("devices", "--json"))
    found = {row["address"]: row for row in rows if row["address"].startswith("ble:")}
    twins = {f"ble:{board.bluetooth.address}" for board in boards[1:]}
    assert set(found) == {"ble:greenhouse", *twins}
    greenhouse = found["ble:greenhouse"]
    assert greenhouse["state"] == "node" and greenhouse["signal_dbm"] < 0
    assert greenhouse["serial_number"] == boards[0].bluetooth.address
    shown = run("devices")
    assert "2 boards are named 'twin'" in shown and " dBm" in shown
    # A bare name, found by Bluetooth.
    assert run("call", "greenhouse", "echo", "hello") == "hello\n"
    assert set(doctor.around()) == set(found)
