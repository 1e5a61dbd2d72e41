"""Worlds from TOML files."""

from __future__ import annotations

import contextlib
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from picosim.bluetooth.faults import BluetoothFaults
from picosim.errors import BadWorld as BadWorld
from picosim.i2c.faults import I2cFaults
from picosim.rp2040.board import NotEmulated
from picosim.toml_kinds import (
    ANY,
    LIST,
    NAMED_LISTS,
    NAMED_TEXTS,
    NUMBER,
    SWITCH,
    TEXT,
    TEXTS,
    WHOLE,
    Kinds,
    check,
    named,
    of_fields,
    tables,
)
from picosim.uart.faults import UartFaults
from picosim.wifi.access_point import WifiFaults
from picosim.wifi.radio import RadioFaults
from picosim.wires import WireFaults

if TYPE_CHECKING:
    from picosim.world import World

_RADIO_FAULTS = of_fields(RadioFaults)
_BLUETOOTH_FAULTS = of_fields(BluetoothFaults)
_UART_FAULTS = of_fields(UartFaults)
_WIFI_FAULTS = of_fields(WifiFaults)
_WIRE_FAULTS = of_fields(WireFaults)
_I2C_FAULTS = of_fields(I2cFaults)
_WORLD = dict.fromkeys(("seed", "board", "wire", "uart", "i2c", "access_point", "bluetooth"), ANY)
_FIRMWARE_BOARD = {
    "main": TEXT,
    "files": NAMED_TEXTS,
    "lib": TEXTS,
    "address": TEXT,
    "start": SWITCH,
    "firmware": TEXT,
}
_BOARD = {
    **_FIRMWARE_BOARD,
    "heap_bytes": WHOLE,
    "usb": TEXT,
    "celsius": NUMBER,
    "place": ANY,
    **_RADIO_FAULTS,
}
_ADAPTER = {"on": "on", "off": "off", "missing": "remove"}
_BLUETOOTH = {"adapter": TEXT, **_BLUETOOTH_FAULTS}
_WIRE = {"from": ANY, "to": ANY}
_UART = {"from": ANY, "to": ANY, "from_pins": LIST, "to_pins": LIST, **_UART_FAULTS}
_WIFI = {
    "ssid": TEXT,
    "password": TEXT,
    "channel": WHOLE,
    "rssi": NUMBER,
    "dhcp": SWITCH,
    "address": TEXT,
    "internet": SWITCH,
    "names": NAMED_TEXTS,
}
_I2C = {
    "boards": TEXTS,
    "pins": NAMED_LISTS,
    "host": WHOLE,
    "pull_ups": SWITCH,
    "baudrate": WHOLE,
    "controller": TEXT,
    "chips": NAMED_TEXTS,
    **_I2C_FAULTS,
}


def build(kind: type[World], path: Path, lib: list[Path]) -> World:
    """Make the world that `path` describes; paths in it are relative to its folder."""
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except UnicodeDecodeError:
        raise BadWorld(f"{path}: not TOML: it is not text in UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise BadWorld(f"{path}: not TOML: {error}") from None
    check(path, "the file", data, _WORLD)
    world = kind(seed=data.get("seed", 1))
    try:
        for about in tables(path, data, "access_point"):
            _access_point(world, path, about)
        for name, about in named(path, data, "board").items():
            _board(world, path, name, about, lib)
        _bluetooth(world, path, data.get("bluetooth", {}))
        for name, make in (("wire", _wire), ("uart", _uart), ("i2c", _i2c)):
            for about in tables(path, data, name):
                make(world, path, about)
    except NotEmulated as error:
        world.close()
        raise BadWorld(f"{path}: {error}") from None
    except BaseException:
        world.close()
        raise
    return world


@contextlib.contextmanager
def _complaint(path: Path, where: str) -> Iterator[None]:
    """What is wrong in there is told with its place in the file."""
    try:
        yield
    except OSError as error:
        why = f"can't read {error.filename}: {error.strerror}" if error.filename else error
        raise BadWorld(f"{path}: {where}: {why}") from None
    except (TypeError, ValueError) as error:
        raise BadWorld(f"{path}: {where}: {error}") from None


def _of(kinds: Kinds, about: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in about.items() if key in kinds}


def _names(world: World) -> str:
    return f"the boards are {', '.join(world.boards) or 'none'}"


def _board(world: World, path: Path, name: str, about: dict[str, Any], lib: list[Path]) -> None:
    where = f"[board.{name}]"
    check(path, where, about, _BOARD)
    here = path.parent
    firmware: str | Path = about.get("firmware", "")
    if str(firmware).lower().endswith(".uf2"):
        firmware = here / firmware
        for key in about:
            if key not in _FIRMWARE_BOARD:
                raise BadWorld(
                    f"{path}: {where} has {key!r}, and runs {firmware.name} in an emulated RP2040, "
                    f"where that can't be set; possible are {', '.join(sorted(_FIRMWARE_BOARD))}"
                )
    with _complaint(path, where):
        board = world.board(
            name,
            main=here / about["main"] if about.get("main") else None,
            files={dest: here / source for dest, source in about.get("files", {}).items()},
            lib=[here / tree for tree in about["lib"]] if "lib" in about else lib,
            firmware=firmware,
            start=False,
            **{key: about[key] for key in ("heap_bytes", "usb", "address") if key in about},
        )
    if isinstance(firmware, str):
        _surroundings(board, f"{path}: {where}", about)
    if about.get("start", True):
        board.start()


def _surroundings(board: Any, where: str, about: dict[str, Any]) -> None:
    if "celsius" in about:
        board.adc(4).set_celsius(about["celsius"])
    board.radio.set(RadioFaults(**_of(_RADIO_FAULTS, about)))
    if "place" in about:
        try:
            x_m, y_m = map(float, about["place"])
        except (TypeError, ValueError):
            raise BadWorld(
                f"{where} place = {about['place']!r}: write [x, y], in metres; this computer is "
                "at [0, 0]"
            ) from None
        board.bluetooth.move(x_m, y_m)


def _bluetooth(world: World, path: Path, about: dict[str, Any]) -> None:
    where = "[bluetooth]"
    check(path, where, about, _BLUETOOTH)
    state = about.get("adapter", "on")
    if state not in _ADAPTER:
        raise BadWorld(f"{path}: {where} adapter = {state!r}: possible are {', '.join(_ADAPTER)}")
    with _complaint(path, where):
        world.bluetooth.set(BluetoothFaults(**_of(_BLUETOOTH_FAULTS, about)))
    getattr(world.bluetooth.host, _ADAPTER[state])()


def _access_point(world: World, path: Path, about: dict[str, Any]) -> None:
    check(path, "[[access_point]]", about, {**_WIFI, **_WIFI_FAULTS})
    faults = WifiFaults(**_of(_WIFI_FAULTS, about))
    with _complaint(path, "[[access_point]]"):
        world.access_point(**{"ssid": "", **_of(_WIFI, about)}, faults=faults)


def _wire(world: World, path: Path, about: dict[str, Any]) -> None:
    check(path, "[[wire]]", about, {**_WIRE, **_WIRE_FAULTS})
    ends = []
    for end in _WIRE:
        name, dot, pin = str(about.get(end, "")).partition(".")
        if not dot or name not in world.boards:
            raise BadWorld(
                f'{path}: [[wire]] {end} = {about.get(end)!r}: write "board.pin", as in '
                f'"door.GP3"; {_names(world)}'
            )
        with _complaint(path, f"[[wire]] {end}"):
            ends.append(world.boards[name].pin(int(pin) if pin.isdigit() else pin))
    world.wire(ends[0], ends[1], WireFaults(**_of(_WIRE_FAULTS, about)))


def _uart(world: World, path: Path, about: dict[str, Any]) -> None:
    check(path, "[[uart]]", about, _UART)
    ends = []
    for end, text in (("from", str(about.get("from", ""))), ("to", str(about.get("to", "pty")))):
        if text not in ("pty", "login"):
            write = f'{end} = {about.get(end)!r}: write "board.uart0", "pty" or "login"'
            pins = about.get(f"{end}_pins", ())
            text = _port(world, path, "uart", text, pins, end, write)
        ends.append(text)
    with _complaint(path, "[[uart]]"):
        world.uart(ends[0], ends[1], UartFaults(**_of(_UART_FAULTS, about)))


def _i2c(world: World, path: Path, about: dict[str, Any]) -> None:
    check(path, "[[i2c]]", about, _I2C)
    blocks = []
    for text in about.get("boards", []):
        write = f'boards: {text!r}: write "board.i2c0" or "board.i2c1"'
        pins = about.get("pins", {}).get(text.partition(".")[0], ())
        blocks.append(_port(world, path, "i2c", text, pins, "boards", write))
    settings = _of({"pull_ups": SWITCH, "baudrate": WHOLE, "controller": TEXT}, about)
    settings["faults"] = I2cFaults(**_of(_I2C_FAULTS, about))
    with _complaint(path, "[[i2c]]"):
        if "host" not in about and ("baudrate" in about or "controller" in about):
            raise ValueError("baudrate and controller are of a computer's bus: say host = N too")
        if "host" in about:
            bus = world.i2c_host(about["host"], *blocks, **settings)
        else:
            bus = world.i2c(*blocks, **settings)
        for address, registers in about.get("chips", {}).items():
            bus.chip(int(address, 0), bytes.fromhex(registers))


def _port(
    world: World, path: Path, kind: str, text: str, pins: list[int], key: str, write: str
) -> Any:
    """The UART or I2C block that "board.uart0" names."""
    name, _, port = text.partition(".")
    if name not in world.boards or port not in (f"{kind}0", f"{kind}1"):
        raise BadWorld(f"{path}: [[{kind}]] {write}; {_names(world)}")
    with _complaint(path, f"[[{kind}]] {key}"):
        return getattr(world.boards[name], kind)(int(port[-1]), *pins)
