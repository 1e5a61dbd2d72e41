"""The memory that a board keeps for TLS is there for each connection, not for the first alone."""

import gc
import io

from both import random_for, skip_on_cpython

from picolink.links import tls_room

IN_BYTES, OUT_BYTES = 17_904, 4_448  # mbedtls, for what comes and what goes
LEFT_BYTES = 100_000


def connected():
    """What a connection takes, as MicroPython's ssl does, and for a while its handshake."""
    tls_room.give()
    context = [bytearray(200) for _ in range(8)]
    tls_room.give_rest()
    buffers = [io.BytesIO(IN_BYTES), io.BytesIO(OUT_BYTES)]  # freed at once, as ssl does
    del [bytearray(400) for _ in range(20)][:]
    return context, buffers


@skip_on_cpython("a board's memory")
def test_a_connection_finds_it_again_and_again():
    gc.collect()
    held = []
    while gc.mem_free() > LEFT_BYTES:
        held.append(bytearray(500))
    tls_room.keep()
    random = random_for("tls room")
    stays = [None] * 40  # what a program keeps of what it makes meanwhile
    for _ in range(300):
        connection = connected()
        stays[random.below(40)] = bytes(random.below(3000))
        for _ in range(4):
            stays[random.below(40)] = [bytes(random.below(90)) for _ in range(4)]
        for buffer in connection[1]:
            buffer.close()
        connection = None
        tls_room.ended()
        stays[random.below(40)] = bytes(random.below(3000))
    tls_room.give()
    tls_room.give_rest()
