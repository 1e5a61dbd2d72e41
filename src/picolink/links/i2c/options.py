"""What an address of a board's I2C says. Loaded to open one; what is wrong, refusal.py puts into
words."""

MYPY = False
if MYPY:
    from typing import Any

ADDRESS = 0x43


def settings(
    scheme: str, where: str, options: "dict[str, str]"
) -> "tuple[int, int, dict[str, Any], int]":
    """Number of the bus, address of the target, pins, clock rate in Hz. BadAddress where a board
    has no such."""
    name = ""
    try:
        number, address = numbers(where)
        if number > 1:
            raise ValueError
        pins = {"sda": 2 * number, "scl": 2 * number + 1}
        freq = 100000
        for name, value in options.items():
            if name == "freq":
                freq = int(value)
                if not 1000 <= freq <= 1000000:
                    raise ValueError
                continue
            pin = pins[name] = int(value.upper().replace("GP", ""))
            if not 0 <= pin < 30 or pin & 3 != {
                "sda": 2 * number, "scl": 2 * number + 1, "ready": pin & 3,
            }[name]:  # fmt: skip
                raise ValueError
    except ValueError:
        from .refusal import refusal

        raise refusal(scheme, where, name, options.get(name, "")) from None
    return number, address, pins, freq


def numbers(where: str) -> "tuple[int, int]":
    """`1/0x43` as bus and address; ValueError where it is no such."""
    bus, _, target = where.partition("/")
    address = int(target, 0) if target else ADDRESS
    if not 8 <= address < 0x78:
        raise ValueError
    return int(bus or "0"), address
