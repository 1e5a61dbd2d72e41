"""A message whose topic alone is too large to be held. Nobody is subscribed to such a one by its
name; it is skipped and acknowledged, else the broker would send it for ever. A board loads this
then."""

from .packets import PIECE, Piece

MYPY = False
if MYPY:
    from typing import Any


class Overlong:
    """One of them, while it comes: `size` bytes, of which the packet id stands at `id_at`."""

    def __init__(self, first: int, size: int, id_at: int) -> None:
        self._first = first
        self._size = size
        self._id_at = id_at if first & 6 else size
        self._have = 0
        self._id = 0

    def take(self, packets: "list[tuple[int, Any]]", data: bytes, at: int) -> int:
        """Skips what has come of it; returns where that ends."""
        n = min(len(data) - at, self._size - self._have)
        for place in (self._id_at, self._id_at + 1):
            if self._have <= place < self._have + n:
                self._id = self._id << 8 | data[at + place - self._have]
        self._have += n
        if self.over():
            if self._first & 6 and not self._id:
                raise ValueError("a message with packet id 0")
            packets.append((PIECE | self._first & 4, Piece("", b"", 0, 0, self._id, False)))
        return at + n

    def over(self) -> bool:
        """Whether all of it was skipped."""
        return self._have == self._size
