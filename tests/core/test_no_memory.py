"""There is no memory: nothing is half done, and it is tried again."""

from struct import pack

from both import random_for
from faults import Cable, Party, World, met
from virtual_nodes import joined

from picolink.core import endpoint as endpoints
from picolink.core import partial as partials
from picolink.core import session as sessions
from picolink.core.inbox import Inbox
from picolink.core.packets import ASK, CALL
from picolink.core.partial import take
from picolink.core.timing import TIMES


class Taker:
    """What `take` asks of a session."""

    limit_bytes = 1000

    def __init__(self):
        self.short = Inbox()
        self.long = Inbox()
        self.owner = self
        self.messages = []

    def on_message(self, session, kind, ref, body):
        self.messages.append(ref)


class NoPartial(partials.Partial):
    """There is no memory for it."""

    def __init__(self, total):
        raise MemoryError


def test_fragments_that_had_no_memory_now_and_then_do_not_count_together():
    session = Taker()
    real = partials.Partial

    def fragment(start, piece):
        return pack("<BHHII", 0x61, 0, 9, start, 200) + piece

    for ident in range(20):
        partials.Partial = NoPartial
        try:
            assert take(session, session.long, ident, fragment(0, bytes(100)), 5) is None
        finally:
            partials.Partial = real
        assert take(session, session.long, ident, fragment(0, bytes(100)), 5) == b""
        assert take(session, session.long, ident, fragment(100, bytes(100)), 5) == bytes(200)
        session.long.deliver(ident)
    assert not session.messages  # none was given up


def test_the_message_after_one_that_was_given_up_is_waited_for_as_long():
    session = Taker()
    real = partials.Partial

    def fragment(ref):
        return pack("<BHHII", 0x61, 0, ref, 0, 200) + bytes(100)

    partials.Partial = NoPartial
    try:
        for ident in (0, 1):
            for _ in range(partials._PATIENCE - 1):
                assert take(session, session.long, ident, fragment(ident + 9), 5) is None
            assert take(session, session.long, ident, fragment(ident + 9), 5) == b""
    finally:
        partials.Partial = real
    assert session.messages == [9, 10] and session.long.low == 2


def no_memory(module, name, which):
    """Has one call of `module.name` find no memory."""
    real = getattr(module, name)
    left = [which]

    def fails(*arguments):
        left[0] -= 1
        if not left[0]:
            raise MemoryError
        return real(*arguments)

    setattr(module, name, fails)
    return real


def test_a_packet_that_there_was_no_memory_for_is_made_again():
    for name in ("short", "long"):
        world, _, board, cable, session = met("no packet " + name)
        body = bytes(50 if name == "short" else 2000)
        session.send(CALL, 1, body)
        real = no_memory(sessions, "pack", 1)
        try:
            cable.drain()
        except MemoryError:
            pass
        finally:
            sessions.pack = real
        assert world.run(lambda board=board: board.messages, 5000), name
        assert board.messages[0][2] == body


def test_a_session_is_closed_also_where_there_is_no_memory_to_say_so():
    world, _, board, cable, session = met("no goodbye")
    of = board.session()
    real = no_memory(endpoints, "pack", 1)
    try:
        board.endpoint.close(of, world.now_ms)
    finally:
        endpoints.pack = real
    assert not board.endpoint.sessions and of.attach is None


def test_a_hello_that_there_is_no_memory_for_waits_its_turn():
    """Else a node that can say nothing is busy trying, and never does anything else."""
    world = World(random_for("no hello"))
    host = Party(world, "host")
    cable = Cable(world, host, Party(world, "board"))
    tries = []

    def fails(*arguments):
        tries.append(world.now_ms)
        raise MemoryError

    host.endpoint.say_hello = fails
    cable.dial()
    port = cable.ends[0].port
    for _ in range(3):
        try:
            port.dialer.tick(world.now_ms)
        except MemoryError:
            pass
    assert len(tries) == 1 and port.dialer.due_ms == world.now_ms + TIMES["hello"]


def two():
    world = World(random_for("suspects"))
    host, board, cable = joined(world)
    board.command(name="echo")(lambda value: value)
    return world, host, board, cable


class Full(list):
    def append(self, item):
        raise MemoryError


def test_a_message_that_finds_no_place_in_its_lane_takes_no_id():
    world, host, board, _ = two()
    lane = host.session().out.short
    real, lane.waiting = lane.waiting, Full()
    try:
        host.begin("echo", 0)
    except MemoryError:
        pass
    lane.waiting = real
    for i in range(70):
        call = host.begin("echo", i)
        assert world.run(lambda call=call: call.done, 5000), i


class NoRoom(list):
    def __add__(self, other):
        raise MemoryError


def test_a_lost_packet_that_there_is_no_memory_to_note_is_sent_again():
    world, host, board, cable = two()
    cable.loss = 1
    call = host.begin("echo", 7)
    world.run(None, 100)
    cable.loss = 0
    call.message.holes = NoRoom()
    for _ in range(5):
        try:
            world.run(lambda: call.done, 5000)
        except MemoryError:
            call.message.holes = []
    assert call.done


def test_what_was_lost_with_a_link_is_noted_once_there_is_memory():
    world, host, board, cable = two()
    session = host.session()
    cable.loss = 1
    call = host.begin("echo", 7)
    world.run(None, 50)
    call.message.holes = NoRoom()
    cable.cut()
    cable.loss = 0
    assert session.attach is None and session.state == "dormant"
    call.message.holes = []
    cable.dial(session)
    assert world.run(lambda: call.done, 5000) and call.result() == 7


def test_a_sign_of_life_that_there_was_no_memory_to_ask_for_is_asked_for_later():
    """It is also what confirms a hello: nothing is said before the peer has it."""
    world, host, board, _ = two()
    world.run(None, 1000)
    session = host.session()
    attach = session.attach
    session.ask = True
    real, attach.flight = attach.flight, Full()
    try:
        session.next_packet(world.now_ms)
    except MemoryError:
        pass
    attach.flight = real
    packet = session.next_packet(world.now_ms)
    assert packet is not None and packet[0] & ASK
