"""A board as I2C target, of either kind: with the mailbox (board_target.py), or registers alone."""

from ...core.errors import CannotConnect
from .board import open_buses

MYPY = False
if MYPY:
    from typing import Any


class Polled:
    """Of a target, which is polled itself, what a node's host watches. The target has no
    `pollable`, so that its driver need not wait for room: it is told of that too."""

    def __init__(self, target: "Any") -> None:
        self.pollable = target


def serve(kind: "Any", number: int, address: int, pins: "dict[str, Any]") -> "Any":
    """Opens one of either kind; CannotConnect where the board can't."""
    try:
        from machine import I2CTarget
    except ImportError:
        from .refusal import no_target

        raise no_target() from None
    if number in open_buses:
        from .refusal import in_use

        raise in_use(number, "as target or as controller")
    try:
        target = kind(number, address, pins, I2CTarget)
    except ValueError as error:
        raise CannotConnect("I2C %d can't be a target so: %s" % (number, error)) from None
    open_buses[number] = target
    return target
