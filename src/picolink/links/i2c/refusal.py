"""What is wrong with an address of a board's I2C, in words."""

import sys

from ...core.errors import BadAddress, CannotConnect

MYPY = False
if MYPY:
    from ...core.errors import PicolinkError


def refusal(scheme: str, where: str, options: "dict[str, str]") -> "PicolinkError":
    """The error for an address that can't be opened."""
    bus, _, target = where.partition("/")
    if bus not in ("", "0", "1"):
        return BadAddress("%s:%s: a board has I2C 0 and 1: %s:0/0x43" % (scheme, where, scheme))
    number = int(bus or "0")
    try:
        fits = not target or 8 <= int(target, 0) < 0x78
    except ValueError:
        fits = False
    if not fits:
        return BadAddress(
            "%s:%s: the address of a target is 0x08 to 0x77, usual is 0x43" % (scheme, where)
        )
    for name, value in options.items():
        if name in ("sda", "scl"):
            role = 2 * number + (name == "scl")
            legal = [n for n in range(30) if n & 3 == role]
            if value.upper().replace("GP", "") not in [str(n) for n in legal]:
                return BadAddress(
                    "I2C %d can't have %s at pin %s: it can be %s"
                    % (number, name.upper(), value, ", ".join(["GP%d" % n for n in legal]))
                )
        elif name == "ready":
            if value.upper().replace("GP", "") not in [str(n) for n in range(30)]:
                return BadAddress("ready=%s: a pin is GP0 to GP29" % value)
        elif name == "freq" and scheme == "i2c":
            return BadAddress(
                "freq=%s: the clock of I2C is 1000 to 1000000 Hz, usual are 100000 and 400000"
                % value
            )
        else:
            known = "ready, scl, sda"
            if scheme == "i2c":
                known = "freq, " + known
            return BadAddress("%s:%s has no option %s; there are %s" % (scheme, where, name, known))
    return CannotConnect("%s:%s can't be opened" % (scheme, where))


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
        "how to renew it" % sys.version.split(" ")[-1].lstrip("v")
    )


def no_answer(number: int, address: int, error: OSError) -> "PicolinkError":
    """The error where a controller finds nobody."""
    if error.args and error.args[0] == 110:
        return CannotConnect(
            "the bus I2C %d stands still (timeout): are there pull-ups on SDA and SCL (4.7 kohm to "
            "3V3; two Picos have none), are the wires right?" % number
        )
    return CannotConnect(
        "nobody answers at 0x%02x on I2C %d: is the other board on, its node.run(...) with "
        '"i2c-target:0/0x%02x" running, SDA at SDA and SCL at SCL, ground joined, are there '
        "pull-ups?" % (address, number, address)
    )


def no_mailbox(number: int, address: int) -> "PicolinkError":
    """The error where something else answers."""
    return CannotConnect(
        "what answers at 0x%02x on I2C %d is no picolink node, but another chip: give the node "
        "another address, as i2c-target:0/0x44" % (address, number)
    )
