"""What is wrong with an address of a board's I2C, in words."""

import sys

from ...core.errors import BadAddress, CannotConnect

MYPY = False
if MYPY:
    from typing import Any

    from ...core.errors import PicolinkError


def refusal(scheme: str, where: str, name: str, value: str) -> "PicolinkError":
    """The error for an address that can't be opened: for its option `name`, if that is not ""."""
    bus, _, _ = where.partition("/")
    if bus not in ("", "0", "1"):
        return BadAddress("%s:%s: a board has I2C 0 and 1: %s:0/0x43" % (scheme, where, scheme))
    if name in ("sda", "scl"):
        number = int(bus or "0")
        legal = [n for n in range(30) if n & 3 == 2 * number + (name == "scl")]
        return BadAddress(
            "I2C %d can't have %s at pin %s: it can be %s"
            % (number, name.upper(), value, ", ".join(["GP%d" % n for n in legal]))
        )
    if name == "ready":
        return BadAddress("ready=%s: a pin is GP0 to GP29" % value)
    if name:
        return BadAddress(
            "freq=%s: the clock of I2C is 1000 to 1000000 Hz, usual are 100000 and 400000" % value
        )
    return BadAddress(
        "%s:%s: the address of a target is 0x08 to 0x77, usual is 0x43" % (scheme, where)
    )


def in_use(number: int, what: str) -> "PicolinkError":
    """The error for a bus that is open otherwise."""
    return CannotConnect(
        "I2C %d is open already in this program, %s: open it once, or use the other one"
        % (number, what)
    )


def no_target() -> "PicolinkError":
    """The error where the firmware can't be a target."""
    return CannotConnect(
        "this board's MicroPython %s has no I2CTarget: 1.26 or newer has; `picolink install` says "
        "how to renew it" % ".".join([str(part) for part in sys.implementation.version[:3]])
    )


def no_bus(number: int, pins: "dict[str, Any]") -> "PicolinkError | None":
    """The error where the pins show that the bus can't work, since a line is low that should be
    high; None where they are well. They are free afterwards."""
    from machine import Pin

    for name in ("sda", "scl"):
        place = "%s (GP%d) of I2C %d" % (name.upper(), pins[name], number)
        if not Pin(pins[name], Pin.IN, Pin.PULL_UP).value():
            return CannotConnect(
                "%s is held low: a board that hung in the midst of a transfer, a wire at ground, "
                "SDA and SCL crossed with something else; take the power from all boards on the "
                "bus, then unplug them one by one" % place
            )
        if not Pin(pins[name], Pin.IN, Pin.PULL_DOWN).value():
            return CannotConnect(
                "%s has no pull-up, or hangs in the air: a bus needs a resistor of 4.7 kohm from "
                "SDA to 3V3 and one from SCL; a Raspberry Pi has them on its pins 3 and 5, two "
                "Picos have none" % place
            )
    return None


def no_answer(number: int, address: int, error: OSError, pins: "dict[str, Any]") -> "PicolinkError":
    """The error where a controller finds nobody."""
    found = no_bus(number, pins)
    if found is not None:
        return found
    if error.args and error.args[0] == 110:
        return CannotConnect(
            "the bus I2C %d stands still (timeout): another board holds it, or the wires are not "
            "right; take the power from all boards on it for a moment" % number
        )
    return CannotConnect(
        "nobody answers at 0x%02x on I2C %d: is the other board on, its node.run(...) with "
        '"i2c-target:0/0x%02x" running, SDA at SDA and SCL at SCL, ground joined?'
        % (address, number, address)
    )


def no_mailbox(number: int, address: int, pins: "dict[str, Any]") -> "PicolinkError":
    """The error where something else answers."""
    return no_bus(number, pins) or CannotConnect(
        "what answers at 0x%02x on I2C %d is no picolink node, but another chip: give the node "
        "another address, as i2c-target:0/0x44" % (address, number)
    )
