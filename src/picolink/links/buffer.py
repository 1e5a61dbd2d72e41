"""One buffer for all links of a board: what was read into it is taken out, and what was put into it
is written, before another link has its turn."""


class Shared:
    """The buffer, and a view of it; another one once more is needed."""

    framed = False  # whether what is written to the console is a frame
    data = bytearray(0)
    view = memoryview(data)

    def least(self, size: int) -> None:
        """Makes it hold `size` bytes or more."""
        if len(self.data) < size:
            self.view = memoryview(b"")
            self.data = bytearray(0)
            self.data = bytearray(size)
            self.view = memoryview(self.data)


shared = Shared()
