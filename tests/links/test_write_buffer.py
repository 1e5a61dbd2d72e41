"""The writing half of a link: what the medium does not take waits, and so does more where it is
busy with what it took."""

from both import cases

from picolink.links.write_buffer import WriteBuffer


class Line(WriteBuffer):
    """Takes `room` bytes at a time, and is then busy until it is told otherwise."""

    def __init__(self, room):
        self.room = room
        self.taken = b""
        self.busy = False

    def _write(self, data):
        self.taken += data[: self.room]
        self.busy = True
        return min(len(data), self.room) or None

    def ahead(self):
        return self.busy


@cases([(3,), (1,), (100,)])
def test_more_waits_until_the_line_is_free(room):
    line = Line(room)
    line.write(b"one")
    for _ in range(5):
        assert line.unsent  # it is busy
        line.flush()
    line.busy = False
    line.flush()
    assert not line.unsent and line.taken == b"one"
    line.room = 0
    line.write(b"two")
    assert line.unsent and line.rest == b"two"
