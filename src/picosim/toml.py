"""Worlds from TOML files."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from picosim.bluetooth.faults import BluetoothFaults
from picosim.errors import BadWorld as BadWorld
from picosim.i2c.faults import I2cFaults
from picosim.i2c.public import BoardI2c
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
    check,
    named,
    of_fields,
    tables,
)
from picosim.uart.faults import UartFaults
from picosim.uart.public import BoardUart
from picosim.wifi.access_point import WifiFaults
from picosim.wifi.radio import RadioFaults
from picosim.wires import WireFaults

if TYPE_CHECKING:
    from picosim.world import World

_RADIO_FAULTS = of_fields(RadioFaults)
_BLUETOOTH_FAULTS = of_fields(BluetoothFaults)
_UART_FAULTS = of_fields(UartFaults)
_WIFI_FAULTS = of_fields(WifiFaults)
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
_WIRE = {"from": ANY, "to": ANY, **of_fields(WireFaults)}
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
        for about in tables(path, data, "wire"):
            _wire(world, path, about)
        for about in tables(path, data, "uart"):
            _uart(world, path, about)
        for about in tables(path, data, "i2c"):
            _i2c(world, path, about)
    except NotEmulated as error:
        world.close()
        raise BadWorld(f"{path}: {error}") from None
    except BaseException:
        world.close()
        raise
    return world


def _board(world: World, path: Path, name: str, about: dict[str, Any], lib: list[Path]) -> None:
    where = f"[board.{name}]"
    check(path, where, about, _BOARD)
    here = path.parent
    main = about.get("main")
    firmware = str(about.get("firmware", ""))
    if firmware.lower().endswith(".uf2"):
        _firmware_board(world, path, name, about, lib, here / firmware)
        return
    try:
        board = world.board(
            name,
            main=here / main if main else None,
            files={dest: here / source for dest, source in about.get("files", {}).items()},
            lib=[here / tree for tree in about["lib"]] if "lib" in about else lib,
            usb=about.get("usb", "rp2"),
            address=about.get("address"),
            firmware=firmware,
            start=False,
            **({"heap_bytes": about["heap_bytes"]} if "heap_bytes" in about else {}),
        )
    except (OSError, ValueError) as error:
        raise BadWorld(f"{path}: {where}: {_plain(error)}") from None
    if "celsius" in about:
        board.adc(4).set_celsius(about["celsius"])
    faults = {key: value for key, value in about.items() if key in _RADIO_FAULTS}
    board.radio.set(RadioFaults(**faults))
    if "place" in about:
        try:
            x_m, y_m = map(float, about["place"])
        except (TypeError, ValueError):
            raise BadWorld(
                f"{path}: {where} place = {about['place']!r}: write [x, y], in metres; this "
                "computer is at [0, 0]"
            ) from None
        board.bluetooth.move(x_m, y_m)
    if about.get("start", True):
        board.start()


def _firmware_board(
    world: World, path: Path, name: str, about: dict[str, Any], lib: list[Path], firmware: Path
) -> None:
    where = f"[board.{name}]"
    for key in about:
        if key not in _FIRMWARE_BOARD:
            raise BadWorld(
                f"{path}: {where} has {key!r}, and runs {firmware.name} in an emulated RP2040, "
                f"where that can't be set; possible are {', '.join(sorted(_FIRMWARE_BOARD))}"
            )
    here = path.parent
    try:
        world.board(
            name,
            main=here / about["main"] if "main" in about else None,
            files={dest: here / source for dest, source in about.get("files", {}).items()},
            lib=[here / tree for tree in about["lib"]] if "lib" in about else lib,
            address=about.get("address"),
            firmware=firmware,
            start=about.get("start", True),
        )
    except (OSError, ValueError) as error:
        raise BadWorld(f"{path}: {where}: {_plain(error)}") from None


def _plain(error: OSError | ValueError) -> str:
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"can't read {error.filename}: {error.strerror}"
    return str(error)


def _bluetooth(world: World, path: Path, about: dict[str, Any]) -> None:
    where = "[bluetooth]"
    check(path, where, about, _BLUETOOTH)
    state = about.get("adapter", "on")
    if state not in _ADAPTER:
        raise BadWorld(f"{path}: {where} adapter = {state!r}: possible are {', '.join(_ADAPTER)}")
    faults = {key: value for key, value in about.items() if key in _BLUETOOTH_FAULTS}
    try:
        world.bluetooth.set(BluetoothFaults(**faults))
    except (TypeError, ValueError) as error:
        raise BadWorld(f"{path}: {where}: {error}") from None
    getattr(world.bluetooth.host, _ADAPTER[state])()


def _access_point(world: World, path: Path, about: dict[str, Any]) -> None:
    check(path, "[[access_point]]", about, {**_WIFI, **_WIFI_FAULTS})
    faults = {key: value for key, value in about.items() if key in _WIFI_FAULTS}
    rest = {key: value for key, value in about.items() if key in _WIFI}
    try:
        world.access_point(rest.pop("ssid", ""), faults=WifiFaults(**faults), **rest)
    except ValueError as error:
        raise BadWorld(f"{path}: [[access_point]]: {error}") from None


def _wire(world: World, path: Path, about: dict[str, Any]) -> None:
    check(path, "[[wire]]", about, _WIRE)
    ends = []
    for end in ("from", "to"):
        name, dot, pin = str(about.get(end, "")).partition(".")
        if not dot or name not in world.boards:
            raise BadWorld(
                f'{path}: [[wire]] {end} = {about.get(end)!r}: write "board.pin", as in '
                f'"door.GP3"; the boards are {", ".join(world.boards) or "none"}'
            )
        try:
            ends.append(world.boards[name].pin(int(pin) if pin.isdigit() else pin))
        except ValueError as error:
            raise BadWorld(f"{path}: [[wire]] {end}: {error}") from None
    faults = {key: value for key, value in about.items() if key not in ("from", "to")}
    world.wire(ends[0], ends[1], WireFaults(**faults))


def _uart(world: World, path: Path, about: dict[str, Any]) -> None:
    check(path, "[[uart]]", about, _UART)
    ends = [_uart_end(world, path, about, end) for end in ("from", "to")]
    faults = {key: value for key, value in about.items() if key in _UART_FAULTS}
    try:
        world.uart(ends[0], ends[1], UartFaults(**faults))
    except ValueError as error:
        raise BadWorld(f"{path}: [[uart]]: {error}") from None


def _uart_end(world: World, path: Path, about: dict[str, Any], end: str) -> BoardUart | str:
    text = str(about.get(end, "pty" if end == "to" else ""))
    if text in ("pty", "login"):
        return text
    name, _, uart = text.partition(".")
    if name not in world.boards or uart not in ("uart0", "uart1"):
        raise BadWorld(
            f'{path}: [[uart]] {end} = {about.get(end)!r}: write "board.uart0", "pty" or "login"; '
            f"the boards are {', '.join(world.boards) or 'none'}"
        )
    try:
        return world.boards[name].uart(int(uart[4:]), *about.get(f"{end}_pins", ()))
    except (TypeError, ValueError) as error:
        raise BadWorld(f"{path}: [[uart]] {end}: {error}") from None


def _i2c(world: World, path: Path, about: dict[str, Any]) -> None:
    check(path, "[[i2c]]", about, _I2C)
    blocks = [_i2c_block(world, path, about, str(text)) for text in about.get("boards", [])]
    faults = I2cFaults(**{key: value for key, value in about.items() if key in _I2C_FAULTS})
    rest = {k: about[k] for k in ("pull_ups", "baudrate", "controller") if k in about}
    try:
        if "host" not in about and ("baudrate" in about or "controller" in about):
            raise ValueError("baudrate and controller are of a computer's bus: say host = N too")
        if "host" in about:
            bus = world.i2c_host(about["host"], *blocks, faults=faults, **rest)
        else:
            bus = world.i2c(*blocks, faults=faults, **rest)
        for address, registers in about.get("chips", {}).items():
            bus.chip(int(address, 0), bytes.fromhex(registers))
    except (TypeError, ValueError) as error:
        raise BadWorld(f"{path}: [[i2c]]: {error}") from None


def _i2c_block(world: World, path: Path, about: dict[str, Any], text: str) -> BoardI2c:
    name, _, block = text.partition(".")
    if name not in world.boards or block not in ("i2c0", "i2c1"):
        raise BadWorld(
            f'{path}: [[i2c]] boards: {text!r}: write "board.i2c0" or "board.i2c1"; '
            f"the boards are {', '.join(world.boards) or 'none'}"
        )
    try:
        return world.boards[name].i2c(int(block[3:]), *about.get("pins", {}).get(name, ()))
    except (TypeError, ValueError) as error:
        raise BadWorld(f"{path}: [[i2c]] boards: {error}") from None
