"""A board's end of a Bluetooth connection, against a stack that says no; and what is advertised."""

import json
from binascii import hexlify, unhexlify

from both import MICROPYTHON, cases, raises, skip_on_cpython

from picolink.core.failure import LinkError
from picolink.links.ble import advertising as a


class Stack:
    """Takes `room` packets, then refuses with `code` (None: with MemoryError)."""

    def __init__(self, room, code=12):
        self.room = room
        self.code = code
        self.taken = []
        self.ended = 0

    def put(self, packet):
        if not self.room:
            if self.code is None:
                raise MemoryError
            raise OSError(self.code)
        self.room -= 1
        self.taken.append(packet)

    def hang_up(self):
        self.ended += 1

    def link(self, mtu_bytes=247):
        from picolink.links.ble.link import BleLink

        return BleLink("ble:x", mtu_bytes, self.put, self.hang_up)


def polled(link, flags=5):
    return link.ioctl(3, flags)


@skip_on_cpython("a board's link")
@cases([(12,), (11,), (16,), (114,), (120,), (None,)])
def test_what_the_stack_has_no_room_for_waits(code):
    assert MICROPYTHON
    stack = Stack(1, code)
    link = stack.link()
    link.send(b"one")
    assert (stack.taken, link.unsent) == ([b"one"], False)
    link.send(b"two")
    assert (stack.taken, link.unsent) == ([b"one"], True)
    assert polled(link) == 0  # nothing has happened since: it is not worth trying
    link.wake()
    assert polled(link) == 4
    link.flush()
    assert (link.unsent, polled(link)) == (True, 0)
    stack.room = 5
    link.take(b"an acknowledgement")
    assert polled(link) == 5
    link.flush()
    assert (stack.taken, link.unsent) == ([b"one", b"two"], False)
    assert link.receive() == [b"an acknowledgement"]
    assert link.receive() == []


@skip_on_cpython("a board's link")
def test_it_is_tried_again_after_a_while_where_nothing_happens():
    from time import sleep_ms, ticks_diff, ticks_ms

    stack = Stack(0)
    link = stack.link()
    link.send(b"one")
    began_ms = ticks_ms()
    while not polled(link):
        assert ticks_diff(ticks_ms(), began_ms) < 1000
        sleep_ms(1)
    assert ticks_diff(ticks_ms(), began_ms) >= 15


@skip_on_cpython("a board's link")
def test_what_ends_it():
    stack = Stack(9)
    link = stack.link()
    link.take(b"last words")
    link.end("gone")
    assert polled(link) == 5
    assert link.receive() == [b"last words"]  # then the end
    with raises(LinkError, "gone"):
        link.receive()
    with raises(LinkError, "gone"):
        link.send(b"x")
    link.close()
    assert stack.ended == 0  # the handle may be another connection's by now
    link = stack.link()
    link.close()
    link.close()
    assert stack.ended == 1
    stack.code, stack.room = 107, 0  # ENOTCONN
    link = stack.link()
    with raises(OSError):
        link.send(b"x")


@skip_on_cpython("a board's link")
def test_the_largest_packet_follows_the_mtu():
    stack = Stack(9)
    link = stack.link(23)
    assert link.mtu_bytes == 20
    link.send(bytes(20))
    with raises(LinkError, "larger than 20 bytes"):
        link.send(bytes(32))
    assert stack.link(1017).mtu_bytes == a.LARGEST_BYTES == 495


def vectors():
    folder = __file__[: -len("tests/links/test_ble_board.py")] + "spec/vectors/"
    with open(folder + "advertising.json", encoding="utf-8") as file:
        return json.load(file)


def test_the_golden_vectors():
    told = vectors()
    assert told["uuids"] == {"service": a.SERVICE, "rx": a.RX, "tx": a.TX}
    # Least significant byte first, as all of Bluetooth.
    digits = a.SERVICE.replace("-", "")
    uuid = bytes([int(digits[i : i + 2], 16) for i in range(30, -1, -2)])
    assert uuid == a.SERVICE_BYTES
    assert len(told["nodes"]) == 4
    for row in told["nodes"]:
        advertisement, response = a.payloads(row["name"])
        assert (hexlify(advertisement).decode(), hexlify(response).decode()) == (
            row["advertisement"],
            row["response"],
        )
        assert len(advertisement) <= 31 and len(response) <= 31
        assert uuid in advertisement
        assert a.name_in(response).encode() == row["name"].encode()[:29]
    for row in told["read"]:
        assert a.name_in(unhexlify(row["payload"])) == row["name"]


@cases([(b"", ""), (b"\x05", ""), (b"\x05\x09ab", "ab"), (b"\x03\x09\xff\xfe", ""),
        (b"\x00\x00\x03\x09ab", "ab"), (b"\xff" * 31, ""), (b"\x02\x01\x06\x03\x08ab", "ab"),
        (b"\x01\x09", ""), (b"\x00" * 31, "")])  # fmt: skip
def test_whatever_is_advertised_is_read(payload, name):
    assert a.name_in(payload) == name
