"""The memory that a board keeps for TLS is there for each connection, not for the first alone."""

import gc
import io

from both import cases, count, random_for, skip_on_cpython

from picolink import Node
from picolink.links import tls_room
from picolink.links.mqtt.address import Broker

IN_BYTES, OUT_BYTES = 16_736, 4_448  # mbedtls, for what comes and what goes
FREE_BYTES = 115_000  # before the room is taken; about half of it stays beside a connection


class Tls:
    """Takes what MicroPython's ssl does, in its order, and frees its buffers at once, as that."""

    def wrap_socket(self, sock, server_hostname, do_handshake_on_connect):
        self.object = bytearray(450)
        self.buffers = [io.BytesIO(IN_BYTES), io.BytesIO(OUT_BYTES)]
        return self

    def close(self):
        for buffer in self.buffers:
            buffer.close()


@skip_on_cpython("a board's memory")
def test_a_connection_finds_it_again_and_again():
    random = random_for("tls room")
    held = []
    gc.collect()
    while gc.mem_free() > FREE_BYTES:
        held.append(bytearray(500))
    tls_room.keep("mqtts")
    stays = [None] * 60

    def works():
        """Fills the memory with what goes and what stays, up to its end."""
        try:
            for _ in range(40):
                bytes(random.below(3000))
                stays[random.below(60)] = [bytes(random.below(90)) for _ in range(4)]
            stays[random.below(60)] = bytes(random.below(3000))
        except MemoryError:
            pass  # what it leaves free is at times in pieces: the room stands all the same

    for _ in range(count(3000)):
        works()
        connection = tls_room.wrap(Tls(), None, "host")
        works()
        [bytearray(400) for _ in range(20)]  # a handshake
        works()
        tls_room.close(connection)


@skip_on_cpython("a board's memory")
def test_it_is_there_where_all_else_is_full():
    """What TLS makes first goes into the place of the handshake then, not into the buffers'."""
    held = None
    tls_room.keep("mqtts")
    try:
        while True:
            held = held, bytearray(400)
    except MemoryError:
        pass  # smaller pieces are there still, none for the object of a connection
    tls_room.close(tls_room.wrap(Tls(), None, "host"))
    assert held


@skip_on_cpython("a board's memory")
def test_a_connection_that_does_not_come_about_gives_it_back():
    class Fails:
        def wrap_socket(self, sock, server_hostname, do_handshake_on_connect):
            raise OSError(12)

    tls_room.keep("mqtts")
    frees = []
    for _ in range(4):
        try:
            tls_room.wrap(Fails(), None, "host")
        except OSError:
            pass
        gc.collect()
        frees.append(gc.mem_free())
    del frees[0]  # not all of it may have been there
    assert max(frees) - min(frees) < 1000, frees


@skip_on_cpython("a board's memory")
@cases(
    [
        (lambda: Broker("mqtt://h"), -1, 40_000, False),
        (lambda: Broker("mqtts://h"), -1, 40_000, True),
        (lambda: Broker("mqtt://h"), 6400, 6400, False),
        (lambda: Node("a").peer("mqtt://h/x"), -1, 40_000, False),
        (lambda: Node("a").peer("tcp:h"), -1, -1, False),
    ]
)
def test_with_any_broker_memory_is_collected_early(make, had, becomes, room):
    tls_room._Room.buffers = []
    gc.threshold(had)
    try:
        make()
        assert gc.threshold() == becomes and bool(tls_room._Room.buffers) == room
    finally:
        gc.threshold(-1)
        tls_room._close(tls_room._Room.buffers)
        tls_room._Room.buffers = []
