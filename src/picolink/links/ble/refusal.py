"""Why Bluetooth does not work on a board, in words. Loaded when it happens."""

from ...core.errors import BadAddress, CannotConnect, UsageError
from ...core.failure import LinkError, PicolinkError

_WHY = {
    "firmware": "the firmware of this board has no Bluetooth: it takes a board with a W, and the "
    "firmware made for it (RPI_PICO_W, RPI_PICO2_W)",
    "held": "the board has a Bluetooth connection already, and the stock firmware holds one",
    "none": "no node %s advertises: is it on, in range, running ble-peripheral:, and not taken by "
    "another central already?",
    "silent": "%s advertises, but does not answer: it is almost out of range, or another central "
    "was faster",
    "service": "%s has no picolink service: it is no node, or an older one",
    "asked": "%s was lost while it was asked what it has",
}


def cannot(kind: str, where: str = "") -> CannotConnect:
    """The error to raise."""
    why = _WHY[kind]
    return CannotConnect(why % where if "%s" in why else why)


def several(where: str, addresses: "list[bytes]") -> CannotConnect:
    """Several nodes of one name advertise."""
    listed = ", ".join([":".join(["%02X" % x for x in address]) for address in addresses])
    return CannotConnect(
        "%d nodes are named %s: %s. Say which by its address" % (len(addresses), where, listed)
    )


def too_small(mtu_bytes: int) -> LinkError:
    """A packet does not fit."""
    return LinkError("the central never asked for packets larger than %d bytes (MTU)" % mtu_bytes)


def too_many(error: Exception) -> PicolinkError:
    """The firmware's table of attributes is full."""
    return UsageError(
        "%s: so many characteristics of node.gatt don't fit the firmware's table of 512 bytes: "
        "about seven with UUIDs of 16 bits do, four of 128" % error
    )


def bad_interval(told: str) -> BadAddress:
    """Boards can't advertise so often, or so seldom."""
    return BadAddress(
        "ble-peripheral: can't have interval_ms=%s: it is from 20 (found at once) to 10240 (saves "
        "power)" % told
    )
