"""What is wrong with an address of a board's UART, in words."""

from ...core.errors import BadAddress, CannotConnect

MYPY = False
if MYPY:
    from ...core.errors import PicolinkError


def refusal(
    where: str, name: str, value: str, limits: "dict[str, tuple[int, int]]"
) -> "PicolinkError":
    """The error for an address that can't be opened: for its option `name`, if that is not ""."""
    if where not in ("0", "1"):
        return BadAddress("uart:%s: a board has uart:0 and uart:1" % where)
    if name in ("tx", "rx"):
        role = int(name == "rx")
        legal = [n for n in range(30) if n & 3 == role and (n + 4 & 8) >> 3 == int(where)]
        return BadAddress(
            "uart:%s can't have %s at pin %s: it can be %s"
            % (where, name.upper(), value, ", ".join(["GP%d" % n for n in legal]))
        )
    if name:
        low, high = limits[name]
        what = "the receive buffer has" if name == "rxbuf" else "a board's UART does"
        unit = "bytes" if name == "rxbuf" else "baud, usual are 115200 and 921600"
        return BadAddress(
            "uart:%s can't have %s=%s: %s %d to %d %s" % (where, name, value, what, low, high, unit)
        )
    return CannotConnect("uart:%s is open already in this program: open it once" % where)
