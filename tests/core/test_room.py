"""Room for fragments: what is held has a bound, and the oldest message always gets through."""

from struct import pack

from both import count, random_for
from faults import Cable, Party, World, met

from picolink.core.packets import CALL, DATA, HEAD, LONG, PART

HEAP_KB = 4000
MESSAGES = 20


def flood(random):
    """Long messages over a link that loses a third: the first fragments of many are lost, while
    later messages take room."""
    world = World(random)
    host = Party(world, "host", window_bytes=16000)
    board = Party(world, "board", limit_bytes=4000, window_bytes=16000)
    cable = Cable(world, host, board, mtu_bytes=2000, loss=0.35, late_ms=20)
    session = cable.dial()
    host.redial = cable.dial  # all that confirms its hello may be lost
    assert world.run(lambda: session.met, 30_000)
    for ref in range(1, MESSAGES + 1):
        session.send(CALL, ref, bytes((ref,)) * (3900 - ref * 7))
    most = [0]

    def watch():
        for other in board.endpoint.sessions.values():
            most[0] = max(most[0], sum(len(p.body) for p in other.long.partial.values()))
        return len(board.messages) == MESSAGES

    assert world.run(watch, 300_000), "%d of %d came" % (len(board.messages), MESSAGES)
    assert most[0] <= 8000
    assert sorted(ref for _, ref, _ in board.messages) == list(range(1, MESSAGES + 1))


def test_a_flood_of_long_messages_over_a_lossy_link_gets_through():
    for run in range(count(100, 5)):
        flood(random_for("flood %d" % run))


def test_a_whole_message_that_overtakes_its_fragments_leaves_none_of_them():
    """Sent whole, late, sent again in fragments: what came of these takes room for ever."""
    world, host, board, cable, session = met("late whole", limit_bytes=1000)
    of = board.session()
    attach = of.attach
    number = attach.top
    for ident in range(8):
        for piece in (
            pack("<BHHII", CALL | LONG | PART, of.long.low, 1, 0, 900) + b"x",
            pack("<BHH", CALL | LONG, of.long.low, 1) + bytes(900),
        ):
            number = number + 1 & 0xFFFF
            head = pack(HEAD, DATA, attach.tag, number, (attach.number - 1) & 0xFFFF)
            board.endpoint.receive(attach.port, head + piece, world.now_ms)
        assert len(board.messages) == ident + 1 and not of.long.partial
