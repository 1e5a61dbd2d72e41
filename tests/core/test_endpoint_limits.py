"""Who is refused, evicted, or too much: an endpoint's limits; its clock; odd hellos."""

from struct import pack

from both import raises, random_for
from faults import Cable, Party, World, met

from picolink.core.errors import TooBig
from picolink.core.packets import CALL, QUIET, hello_packets
from picolink.core.states import ATTACHED, CLOSED, DORMANT
from picolink.core.timing import TIMES


def test_full_house():
    world = World(random_for("full"))
    board = Party(world, "board", max_sessions=2)
    cables = [Cable(world, Party(world, "h%d" % i), board) for i in range(3)]
    for cable in cables:
        cable.dial()
        world.run(limit_ms=100)
    hosts = [cable.ends[0].party for cable in cables]
    assert [h.told("refused") for h in hosts] == [[], [], ["board has 2 sessions already"]]
    assert len(board.endpoint.sessions) == 2
    # One leaves; while it may come back its place is kept, then it is evicted.
    cables[0].remove()
    cables[2].dial()
    world.run(limit_ms=TIMES["dormant"] // 2)
    assert len(hosts[2].told("refused")) == 2
    world.run(limit_ms=TIMES["dormant"] // 2)
    session = cables[2].dial()
    world.run(limit_ms=100)
    assert session.state == ATTACHED and len(board.endpoint.sessions) == 2
    assert len(board.told(CLOSED)) == 1
    # Who was evicted learns that it was forgotten.
    old = hosts[0].session()
    Cable(world, hosts[0], board).dial(old)
    world.run(limit_ms=100)
    assert hosts[0].told("refused") == ["board has 2 sessions already"]


def test_the_same_node_takes_its_own_place():
    world = World(random_for("own place"))
    board = Party(world, "board", max_sessions=1)
    first = Cable(world, Party(world, "host"), board)
    first.dial()
    world.run(limit_ms=100)
    first.remove()
    second = Cable(world, Party(world, "host"), board)  # started again: it knows nothing
    session = second.dial()
    world.run(limit_ms=100)
    assert session.state == ATTACHED and len(board.endpoint.sessions) == 1


def test_a_hello_that_was_read_before_its_link_broke_leaves_no_session():
    world = World(random_for("late hello"))
    board = Party(world, "board")
    cable = Cable(world, Party(world, "host"), board)
    cable.dial()
    said = []
    cable._carry = lambda to, packet: said.append(packet)
    cable.drain()
    port = cable.ends[1].port
    board.endpoint.port_lost(port, "cut", world.now_ms)
    for packet in said:
        board.endpoint.receive(port, packet, world.now_ms)
    assert said and not board.endpoint.sessions


def test_oneself():
    world = World(random_for("self"))
    host = Party(world, "host")
    cable = Cable(world, host, host)
    session = cable.dial()
    world.run(limit_ms=1000)
    assert host.told("refused") == ["it would talk to itself"]
    assert session.state == DORMANT


def test_other_versions_are_told_once():
    world, host, board, cable, _ = met("version")
    body = bytes((2, 0)) + bytes(60)
    cable.sent = 0
    cable.ends[1].receive(hello_packets(body, 512, 1)[0])
    answer = board.endpoint.next_packet(cable.ends[1].port, world.now_ms)
    assert answer[:6] == bytes((0x48, answer[1], 0, 1, 1, 2))  # version 1, refused
    cable.ends[1].receive(hello_packets(bytes((2, 2)) + bytes(60), 512, 1)[0])
    cable.ends[1].receive(hello_packets(bytes((2,)), 512, 1)[0])
    assert board.endpoint.next_packet(cable.ends[1].port, world.now_ms) is None
    other = Cable(world, host, board)
    session = other.dial()
    other.ends[0].receive(hello_packets(bytes((2, 2)) + bytes(60), 512, 1)[0])
    assert "version 2" in host.told("refused")[0] and "update" in host.told("refused")[0]
    assert session.state == DORMANT


def test_too_big():
    world = World(random_for("too big"))
    host = Party(world, "host")
    board = Party(world, "board", limit_bytes=1000)
    cable = Cable(world, host, board)
    session = cable.dial()
    session.send(CALL, 1, bytes(5000))  # nobody knows yet what the board takes
    session.send(CALL, 2, bytes(900))
    session.send(CALL, 3, b"short")
    assert world.run(lambda: len(board.messages) == 3, 1000)
    refs = {ref: (kind, len(body)) for kind, ref, body in board.messages}
    assert refs == {1: (CALL, 0), 2: (CALL, 900), 3: (CALL, 5)}
    world.run(limit_ms=1000)
    assert not session.out.long.open and not session.out.long.waiting
    with raises(TooBig, "1001 bytes at once are too many for board, which takes 1000"):
        session.send(CALL, 4, bytes(1001))
    session.send(CALL, 4, bytes(1000))
    assert world.run(lambda: len(board.messages) == 4, 1000)


def test_deadlines_follow_the_peers_clock():
    world, _, _, _, session = met("clock")
    # Both have one clock here; the offset is what the way took.
    assert 0 <= session.offset_ms <= 4
    in_500_ms = session.from_peer_clock((world.now_ms + 500) & 0x3FFFFFFF, world.now_ms)
    assert 500 <= in_500_ms - world.now_ms <= 504
    assert session.from_peer_clock((world.now_ms - 500) & 0x3FFFFFFF, world.now_ms) < world.now_ms
    session.offset_ms = -1
    session._saw_clock(0x3FFFFFF0, 100)  # the peer's clock is about to wrap
    assert session.from_peer_clock(4, 100) == 120
    session._saw_clock(0x3FFFFFF0, 90)  # a shorter way
    assert session.from_peer_clock(4, 100) == 110
    session._saw_clock(0x3FFFFFF0, 170)  # a longer one: a little, as clocks drift
    assert session.from_peer_clock(4, 100) == 120


def test_drifting_clocks():
    world, host, board, _, session = met("drift")
    # The host hears something all the time, and still asks for the time now and then.
    for _ in range(400):
        board.session().send(CALL, 1, b"x")
        session.send(CALL, 1, b"x")
        world.run(limit_ms=1000)
        host.messages.clear()
        board.messages.clear()
    assert world.now_ms - session.attach.asked_ms <= 12 * TIMES["keepalive"]


def test_hellos_do_not_pile_up():
    _, _, board, cable, _ = met("pile")
    end = cable.ends[1]
    body = pack("<BB8sIIIHIIHIHHIHB", 1, 1, b"sessionX", 9, 0, 0, 512, 1, 1, 0, 0, 0, 0, 0, 0, 1)
    for i in range(100):
        end.receive(hello_packets(body + b"ux", 512, i)[0])
    assert len(end.port.queue) <= 9
    assert len(board.endpoint.sessions) == 2
    for i in range(50):
        end.receive(b"\x80" + pack("<IHH", i + 1, 0, 0))
    assert len(end.port.queue) <= 9


def test_answers_to_who_asks_for_quiet_do_not_pile_up():
    world, _, board, _, _ = met("quiet")
    attach = board.session().attach
    quiet = pack("<BIH", QUIET, attach.tag, 100)
    for _ in range(100):
        board.endpoint.receive(attach.port, quiet, world.now_ms)
    assert 0 < len(attach.port.queue) <= 8


def test_pieces_of_two_hellos_do_not_mix():
    world = World(random_for("mix"))
    board = Party(world, "board")
    cable = Cable(world, Party(world, "host"), board, mtu_bytes=32)
    cable.dial()
    port = cable.ends[0].port
    first = list(port.queue)
    port.queue.clear()
    host = cable.ends[0].party
    host.endpoint.tick(port, world.now_ms + TIMES["hello"])
    second = list(port.queue)
    port.queue.clear()
    assert len(first) == len(second) >= 3 and first[0][1] != second[0][1]
    cable.ends[1].receive(first[0])
    for piece in second[1:]:
        cable.ends[1].receive(piece)
    assert not board.endpoint.sessions
    cable.ends[1].receive(second[0])
    assert len(board.endpoint.sessions) == 1


def test_session_bits_and_kinds_reach_the_owner():
    world, _, board, _, session = met("kinds")
    session.send(CALL | 0x10, 0xFFFF, b"raw")
    session.send(CALL | 0x10, 5, bytes(2000))
    assert world.run(lambda: len(board.messages) == 2, 1000)
    assert board.messages[0] == (CALL | 0x10, 0xFFFF, b"raw")
    assert board.messages[1] == (CALL | 0x10, 5, bytes(2000))
    assert world.run(lambda: session.out.long.bytes == 0, 100)


def test_a_call_taken_back_before_it_left_is_never_seen():
    world, _, board, cable, session = met("back")
    cable.cut()
    session.send(CALL, 1, b"one")
    session.send(CALL, 2, b"two")
    assert session.out.short.take_back(CALL, 1)
    cable.dial(session)
    assert world.run(lambda: len(board.messages) == 1, 1000)
    assert [(kind, ref) for kind, ref, _ in board.messages] == [(CALL, 2)]
    session.send(CALL, 3, b"three")  # no id was left out, at which it would wait
    assert world.run(lambda: len(board.messages) == 2, 1000)


def test_a_hello_of_endless_pieces_takes_no_memory():
    _, _, board, cable, _ = met("endless")
    port = cable.ends[1].port
    for index in range(255):
        cable.ends[1].receive(bytes((0x48, 1, index, 255)) + bytes(400))
    assert board.endpoint.malformed == 255
    assert sum(len(piece) for piece in port.pieces) <= 2048


def test_greeting_anew_before_the_first_answer_came():
    world = World(random_for("anew"))
    host, board = Party(world, "host"), Party(world, "board")
    cable = Cable(world, host, board, delay_ms=50)
    session = cable.dial()
    world.run(lambda: bool(board.endpoint.sessions), 200)
    # The host's program gives this hello up and says another; the link is still the same.
    cable.ends[0].port.dialer = None
    cable.dial(session)
    assert world.run(lambda: session.met, 1000)
    assert [s.state for s in board.endpoint.sessions.values()] == [ATTACHED]
    cable.cut()
    cable.dial(session)
    session.send(CALL, 1, b"x")
    assert world.run(lambda: bool(board.messages), 1000) and not host.told("forgotten")


def test_an_answer_that_is_closed_before_it_is_confirmed():
    world = World(random_for("closed answer"))
    host, board = Party(world, "host"), Party(world, "board")
    cable = Cable(world, host, board, delay_ms=50)
    session = cable.dial()
    world.run(lambda: bool(board.endpoint.sessions), 200)
    board.endpoint.close(board.session(), world.now_ms)
    world.run(limit_ms=200)
    assert board.diary[-1] == (CLOSED, "closed here")
    assert cable.ends[1].port.attach is None and not board.endpoint.sessions
    assert session.state == DORMANT and board.endpoint.stale


def test_a_hello_from_one_who_knows_nothing_settles_nothing():
    world, host, board, cable, session = met("settles")
    cable.loss = 1
    board.session().out.short.next_id = 0x9000  # more than half way round from 0
    board.session().send(CALL, 1, b"keep me")
    world.run(limit_ms=10)
    assert board.session().out.short.open
    cable.cut()
    # As if nothing of the board had ever come: the host's hello is a first one.
    session.met = False
    session.short.low = 0
    cable.loss = 0
    board.session().out.short.first_id = 0x9000
    cable.dial(session)
    assert world.run(lambda: host.messages == [(CALL, 1, b"keep me")], 1000)
