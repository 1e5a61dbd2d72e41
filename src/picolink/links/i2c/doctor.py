"""Examines the way to a target on I2C: smbus2, the bus, its lines, who answers. Host only.

Nothing but the one address is asked: other chips on the bus are left alone.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Iterator
from typing import Any

from ...core.errors import BadAddress, CannotConnect
from ..host.diagnosis import NODE, Step, bad, good, sentence, split_message
from ..registry import split
from .host import clock_hz, open_bus
from .layout import MARK, VERSION
from .options import ADDRESS, numbers

HEADER_BUS = 1  # of a Raspberry Pi: on its pins 3 and 5, with pull-ups
_ASKS = 40
_PATIENCE_S = 1.0  # with a target that is being reset, or writes its flash
_AGAIN_S = 0.02
_GOOD = 0.9  # share of the answers that is right where the wires are


def around() -> list[str]:
    """The node at the usual address of a Raspberry Pi's usual bus."""
    try:
        bus = open_bus(HEADER_BUS)
    except CannotConnect:
        return []
    try:
        found = any(_ask(bus, ADDRESS) == VERSION for _ in range(3))
    except OSError:
        found = False
    finally:
        bus.close()
    return [f"i2c:{HEADER_BUS}/0x{ADDRESS:02x}"] if found else []


def examine_at(address: str) -> Iterator[Step]:
    """Looks at each step on the way, until one fails."""
    scheme, where, _ = split(address)
    if scheme != "i2c":
        raise BadAddress(
            f"{address} is a board's; examine it from the controller, as i2c:1/0x43, or over USB"
        )
    try:
        number, target = numbers(where)
    except ValueError:
        raise BadAddress(f"{address} is no bus and target, as i2c:1/0x43 is") from None
    try:
        bus = open_bus(number)
    except CannotConnect as error:
        yield _no_bus(number, error)
        return
    yield good(f"/dev/i2c-{number} is there and opens")
    try:
        yield from _listen(bus, number, target)
    finally:
        bus.close()


def _no_bus(number: int, error: CannotConnect) -> Step:
    if error.kind == "no_library":
        return bad(
            "smbus2 is installed", "no smbus2", "I2C from this computer needs smbus2.",
            'Install it: pip install "picolink[i2c]".',
        )  # fmt: skip
    what = f"/dev/i2c-{number} is there and opens"
    why, advice = split_message(error)
    if error.kind == "not_enabled":
        why = f"There is no /dev/i2c-{number}: I2C is not enabled on this computer"
        return bad(what, "not enabled", sentence(why), advice)
    kind = "no permission" if error.kind == "no_permission" else "bus fails"
    return bad(what, kind, why, advice or "Restart this computer.")


def _ask(bus: Any, target: int) -> bytes:
    """The mark of a mailbox, or what stands in its place; OSError where nobody answers."""
    from smbus2 import i2c_msg

    mark = i2c_msg.read(target, len(VERSION))
    bus.i2c_rdwr(i2c_msg.write(target, (MARK,)), mark)
    return bytes(mark)


def _listen(bus: Any, number: int, target: int) -> Iterator[Step]:
    right = refused = 0
    wrong: list[bytes] = []
    end_s = time.monotonic() + _PATIENCE_S
    while right + len(wrong) + refused < _ASKS:
        try:
            mark = _ask(bus, target)
        except OSError as error:
            if error.errno == errno.ETIMEDOUT:
                yield _held(number)
                return
            refused += 1
            if not right and not wrong and time.monotonic() < end_s:
                refused -= 1  # it may come back
                time.sleep(_AGAIN_S)
            elif not right and not wrong:
                break
        else:
            if mark == VERSION:
                right += 1
            else:
                wrong.append(mark)
    yield good("SDA and SCL are free")
    what = f"a node's mailbox answers at 0x{target:02x}"
    if not right and not wrong:
        yield _nobody(what, number, target)
    elif not right and len(set(wrong)) == 1 and not refused:
        yield bad(
            what, "another chip",
            f"What answers at 0x{target:02x} is no picolink node, but another chip, or a board's "
            "program with an I2C of its own.",
            "Give the node an address of its own, as i2c-target:0/0x44, and say it here. "
            f"`i2cdetect -y {number}` shows which addresses are taken.",
        )  # fmt: skip
    elif right < _GOOD * _ASKS:
        yield _noisy(number, right)
    else:
        note = "" if right == _ASKS else f"{right} of {_ASKS} answers were right: picolink bears it"
        yield good(what, NODE, note)


def _held(number: int) -> Step:
    pulled = (
        "a Raspberry Pi has pull-ups on its pins 3 and 5, so they are not missing"
        if number == HEADER_BUS
        else "or the bus has no pull-ups (a Raspberry Pi has them on bus 1 alone)"
    )
    return bad(
        "SDA and SCL are free", "bus held low",
        "The bus stands still: something holds SDA or SCL low, or the wires are crossed. A board "
        f"that wrote its flash, or was reset, in the midst of a transfer can do so; {pulled}.",
        "Take the power from all boards on the bus for a moment. If it stays so, unplug them one "
        "by one. Write files on a board in `async with node.quiet():`.",
    )  # fmt: skip


def _nobody(what: str, number: int, target: int) -> Step:
    return bad(
        what, "nobody answers",
        f"Nobody acknowledges 0x{target:02x} on /dev/i2c-{number}: the board is off, its program "
        "does not run with this target, it has another address, or a wire is loose.",
        f'Its program must say node.run("i2c-target:0/0x{target:02x}", ...), and print "listening '
        'on" that. A Raspberry Pi\'s pins 3 (SDA), 5 (SCL) and 6 (GND) go to a Pico\'s 1 (GP0), 2 '
        "(GP1) and 3 (GND), unless the address says sda= and scl=. A board as target needs "
        f"MicroPython 1.26 or newer. `i2cdetect -y {number}` shows which addresses answer.",
    )  # fmt: skip


def _noisy(number: int, right: int) -> Step:
    what = "the wires carry every byte"
    told = f"{right} of {_ASKS} answers were right"
    if number != HEADER_BUS:
        return bad(
            what, "no pull-ups",
            f"{told}: the lines rise too slowly. The bus has no pull-ups: a Raspberry Pi has them "
            "on bus 1 alone (pins 3 and 5), and a Pico has none; or the wires are very long.",
            "Put a resistor of 4.7 kohm from SDA to 3V3 and one from SCL to 3V3.",
        )  # fmt: skip
    fast = clock_hz(number) > 100_000
    clock = (
        "The bus is faster than 100 kHz, where a Raspberry Pi's own controller reads late bytes "
        "wrong"
        if fast
        else "Noise flips bits: the wires are long, ground is loose"
    )
    return bad(
        what, "noisy line", f"{told}. {clock}.",
        "Set dtparam=i2c_arm_baudrate=100000 in config.txt and restart, or take dtoverlay=i2c-gpio."
        if fast
        else "Shorter wires, ground beside them; no wires of motors or lamps beside them.",
    )  # fmt: skip
