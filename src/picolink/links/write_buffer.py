"""The writing half of a link whose medium may take less than it is given."""


class WriteBuffer:
    """`_write(data)`, the link's own, says how many bytes the medium took (None is none, as
    MicroPython has it); the rest waits."""

    rest = b""  # written, and not taken yet
    unsent = False  # whether something waits, or more should

    def _write(self, data: bytes) -> int | None:
        raise NotImplementedError

    def ahead(self) -> bool:
        """Whether so much was taken already that more should wait."""
        return False

    def write(self, text: bytes) -> None:
        """Sends bytes as they are."""
        rest = self.rest
        self.rest = rest + text if rest else text
        self.flush()

    def flush(self) -> None:
        """Goes on with what was unsent."""
        rest = self.rest
        if rest:
            self.rest = rest = rest[self._write(rest) or 0 :]
        self.unsent = bool(rest) or self.ahead()
