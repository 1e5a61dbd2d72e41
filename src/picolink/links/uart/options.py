"""What an address of a board's UART says, checked. Loaded to open one, and let go."""

from ...core.errors import BadAddress, CannotConnect

MYPY = False
if MYPY:
    from typing import Any

_MOST_BAUD = 125_000_000 // 16
_LEAST_BAUD = 1200  # slower, a hello is not answered in time


def settings(
    where: str, options: "dict[str, str]", taken: "list[int]"
) -> "tuple[int, int, dict[str, Any], int]":
    """Number, baud, pins and size of the receive buffer. BadAddress where a board has no such."""
    from machine import Pin

    if where not in ("0", "1"):
        raise BadAddress("uart:%s: a board has uart:0 and uart:1" % where)
    number = int(where)
    if number in taken:
        raise CannotConnect("uart:%s is open already in this program: open it once" % where)
    for name in options:
        if name not in ("tx", "rx", "baud", "rxbuf", "fast"):
            raise BadAddress(
                "uart:%s has no option %s; there are tx, rx, baud, rxbuf, fast" % (where, name)
            )
    baud = check_baud(options.get("baud", "115200"))
    pins = {}
    for role, name in enumerate(("tx", "rx")):
        if name in options:
            legal = [n for n in range(30) if n & 3 == role and (n + 4 & 8) >> 3 == number]
            pin = options[name].upper()
            if pin[:2] == "GP":
                pin = pin[2:]
            if pin not in [str(n) for n in legal]:
                raise BadAddress(
                    "uart:%s can't have %s at pin %s: it can be %s"
                    % (where, name.upper(), options[name], ", ".join(["GP%d" % n for n in legal]))
                )
            pins[name] = Pin(int(pin))
    # A collection takes up to 18 ms, and whoever runs it holds the program up a little longer.
    rx_bytes = 6144 if baud >= 38400 else 2048
    if "rxbuf" in options:
        size = options["rxbuf"]
        if not size.isdigit() or not 512 <= int(size) <= 32766:
            raise BadAddress("rxbuf=%s: the receive buffer has 512 to 32766 bytes" % size)
        rx_bytes = int(size)
    return number, baud, pins, rx_bytes


def check_baud(text: str) -> int:
    """A baud rate that a board's UART can do."""
    if not text.isdigit() or not _LEAST_BAUD <= int(text) <= _MOST_BAUD:
        raise BadAddress(
            "%s baud is not possible here: a board does %d to %d, usual are 115200 and 921600"
            % (text, _LEAST_BAUD, _MOST_BAUD)
        )
    return int(text)
