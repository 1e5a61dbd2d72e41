"""What an address of a board's UART says. Loaded to open one; what is wrong, refusal.py puts into
words."""

MYPY = False
if MYPY:
    from typing import Any


def settings(
    where: str, options: "dict[str, str]", taken: "list[int]"
) -> "tuple[int, int, dict[str, Any], int, int]":
    """Number, baud, pins, size of the receive buffer, the rate to ask for or 0. BadAddress where a
    board has no such, CannotConnect where it is open already."""
    pins = {}
    rates = {"baud": 115200, "fast": 0, "rxbuf": 0}
    name = ""
    try:
        number = ("0", "1").index(where)
        for name, value in options.items():
            if name in ("tx", "rx"):
                pin = int(value.upper().replace("GP", ""))
                if pin & 3 != (name == "rx") or (pin + 4 & 8) >> 3 != number or not 0 <= pin < 30:
                    raise ValueError
                pins[name] = pin
            else:
                low, high = LIMITS[name]
                rates[name] = int(value)
                if not low <= rates[name] <= high:
                    raise ValueError
        name = ""
        if number in taken:
            raise ValueError
    except ValueError:
        from .refusal import refusal

        raise refusal(where, name, options.get(name, ""), LIMITS) from None
    baud = rates["baud"]
    # A collection takes up to 18 ms, and whoever runs it holds the program up a little longer.
    rx_bytes = rates["rxbuf"] or (6144 if baud >= 38400 or rates["fast"] else 2048)
    return number, baud, pins, rx_bytes, rates["fast"]


RATES = (1200, 125000000 // 16)  # slower, no hello is answered in time
LIMITS = {"baud": RATES, "fast": RATES, "rxbuf": (512, 32766)}
