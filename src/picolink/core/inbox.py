"""Which messages of one lane were delivered (spec 5): each is, once."""

from .packets import WINDOW

MYPY = False
if MYPY:
    from .partial import Partial


class Inbox:
    """All ids below `low` were delivered, and those of the bitmap that begins there."""

    refused = 0  # fragments for which there was no memory, in a row

    def __init__(self) -> None:
        self.low = 0
        self.bits = 0
        self.partial: dict[int, Partial] = {}

    def new(self, ident: int) -> bool:
        """Whether message `ident` was not delivered yet and stands within the window."""
        ahead = (ident - self.low) & 0xFFFF
        return ahead < WINDOW and not self.bits >> ahead & 1

    def deliver(self, ident: int) -> None:
        """Counts message `ident`, which is new, as delivered."""
        if ident == self.low and not self.bits:  # in order, as most
            self.low = (ident + 1) & 0xFFFF
            return
        bits = self.bits | 1 << ((ident - self.low) & 0xFFFF)
        while bits & 1:
            bits >>= 1
            self.low = (self.low + 1) & 0xFFFF
        self.bits = bits
