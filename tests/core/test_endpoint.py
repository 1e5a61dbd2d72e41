"""Attaching, moving, being refused, forgotten, evicted: two endpoints on a clean virtual link."""

from both import cases, random_for
from faults import Cable, Party, World, met, talk

from picolink.core.packets import CALL, REPLY
from picolink.core.states import ANSWERING, ATTACHED, CLOSED, DORMANT, GREETING, MOVING
from picolink.core.timing import TIMES


def test_attaching():
    world, host, board, _, session = met("attach")
    assert [what for what, _ in host.diary] == [GREETING, ATTACHED, "attach"]
    assert [what for what, _ in board.diary] == [ANSWERING, ATTACHED, "attach"]
    assert (session.peer_name, session.peer_uid) == ("board", b"uid-board")
    assert (board.session().peer_name, board.session().peer_uid) == ("host", b"uid-host")
    assert session.id == board.session().id
    session.send(CALL, 7, b"question")
    assert world.run(lambda: bool(board.messages), 100)
    board.session().send(REPLY, 7, b"answer")
    assert world.run(lambda: bool(host.messages), 100)
    assert board.messages == [(CALL, 7, b"question")]
    assert host.messages == [(REPLY, 7, b"answer")]


def test_a_listener_says_nothing_first():
    world = World(random_for("listener"))
    cable = Cable(world, Party(world, "a"), Party(world, "b"))
    world.run(limit_ms=100_000)
    assert cable.sent == 0


def test_silence_costs_a_keepalive_now_and_then():
    world, _, _, cable, _ = met("keepalive")
    world.run(limit_ms=1000)
    before = cable.sent
    world.run(limit_ms=100 * TIMES["keepalive"])
    assert 100 <= cable.sent - before <= 420  # a sign asked for and given, from either side


@cases([(0,), (1,), (2,), (3,), (4,), (5,)])
def test_any_of_the_first_packets_may_be_lost(which):
    world = World(random_for("first"))
    host, board = Party(world, "host"), Party(world, "board")
    cable = Cable(world, host, board)
    session = cable.dial()
    session.send(CALL, 1, b"call")
    carry = cable._carry

    def lossy(to, packet):
        if cable.sent == which:
            cable.sent += 1
        else:
            carry(to, packet)

    cable._carry = lossy
    assert world.run(lambda: bool(board.messages), 3000)
    assert board.messages == [(CALL, 1, b"call")] and not host.told("forgotten")


@cases([(0,), (1,), (2,), (3,)])
def test_a_cut_right_after_the_first_packets_loses_nothing(which):
    world = World(random_for("cut early"))
    host, board = Party(world, "host"), Party(world, "board")
    cable = Cable(world, host, board)
    host.redial = cable.dial
    session = cable.dial()
    session.send(CALL, 1, b"call")
    world.run(lambda: cable.sent > which, 1000)
    cable.cut()
    assert world.run(lambda: bool(board.messages), 3000)
    world.run(limit_ms=1000)
    assert board.messages == [(CALL, 1, b"call")] and not host.told("forgotten")


def test_late_packets_of_an_old_attach_change_nothing():
    world, host, board, cable, session = met("late")
    old = []
    carry = cable._carry

    def record(to, packet):
        old.append((to is cable.ends[0], packet))
        carry(to, packet)

    cable._carry = record
    for i in range(5):
        session.send(CALL, i, b"call %d" % i)
        board.session().send(CALL, i, b"llac %d" % i)
    world.run(limit_ms=200)
    cable._carry = carry
    assert len(old) >= 10
    cable.cut()
    cable.dial(session)
    world.run(limit_ms=1000)
    before = (len(host.messages), len(board.messages))
    stale = host.endpoint.stale + board.endpoint.stale
    diary = list(host.diary), list(board.diary)
    for to_host, packet in old:
        cable.ends[0 if to_host else 1].receive(packet)
        world.run(limit_ms=10)
    assert (len(host.messages), len(board.messages)) == before
    assert (host.diary, board.diary) == diary
    assert host.endpoint.stale + board.endpoint.stale == stale + len(old)
    session.send(CALL, 9, b"still here")
    assert world.run(lambda: board.messages[-1] == (CALL, 9, b"still here"), 100)


def test_a_repeated_hello_changes_nothing():
    world = World(random_for("repeated"))
    host, board = Party(world, "host"), Party(world, "board")
    cable = Cable(world, host, board)
    session = cable.dial()
    hello = bytes(cable.ends[0].port.queue[0])
    assert world.run(lambda: session.met, 1000)
    for i in range(40):
        session.send(CALL, i, b"call %d" % i)
    cable.ends[1].receive(hello)
    assert board.session().state == MOVING
    world.run(limit_ms=TIMES["pending"] + 1000)
    assert board.session().state == ATTACHED and session.state == ATTACHED
    assert sorted(ref for _, ref, _ in board.messages) == list(range(40))
    assert len(board.told(ATTACHED)) == 2  # attached, and back from the hello that came to nothing


def test_a_strangers_hello_leaves_no_trace():
    world = World(random_for("stranger"))
    board = Party(world, "board")
    cable = Cable(world, Party(world, "x"), board)
    cable.dial()
    world.run(lambda: bool(board.endpoint.sessions), 100)
    cable.ends[0].port.dialer = None  # it says hello and is gone
    cable.ends[0].party.endpoint.sessions.clear()
    world.run(limit_ms=2 * TIMES["pending"])
    assert not board.endpoint.sessions
    assert cable.ends[1].port.answered is None


def test_moving_to_another_link():
    world, host, board, cable, session = met("moving")
    other = Cable(world, host, board, kind="tcp", mtu_bytes=2000, delay_ms=30)
    other.dial(session)
    assert session.state == MOVING
    talk(world, host, board, 2000, lambda number: 50)
    assert session.attach.port is other.ends[0].port
    assert board.session().attach.port is other.ends[1].port
    assert cable.ends[0].port.attach is None and cable.ends[1].port.attach is None
    assert not host.told(DORMANT) and not board.told(DORMANT), "nobody took the move for a loss"


def test_moving_to_a_dead_link_comes_to_nothing():
    world, host, board, _, session = met("dead end")
    other = Cable(world, host, board, loss=1)
    other.dial(session)
    assert session.state == MOVING
    world.run(limit_ms=3000)
    other.remove()
    assert session.state == ATTACHED
    session.send(CALL, 1, b"x")
    assert world.run(lambda: bool(board.messages), 100)


def test_two_hellos_one_link_answers():
    world = World(random_for("two hellos"))
    host, board = Party(world, "host"), Party(world, "board")
    dead = Cable(world, host, board, loss=1)
    good = Cable(world, host, board, delay_ms=50)
    session = dead.dial()
    good.dial(session)
    dead.remove()
    assert world.run(lambda: session.met, 1000)
    assert session.state == ATTACHED


def test_a_killed_peer_is_noticed():
    world, host, board, cable, session = met("killed")
    cable.loss = 1
    began_ms = world.now_ms
    assert world.run(lambda: session.state == DORMANT, 60_000)
    assert TIMES["dead"] - 100 <= world.now_ms - began_ms <= TIMES["dead"] + 100
    assert "nothing heard" in host.told(DORMANT)[0]
    assert board.session().state == DORMANT


def test_a_blocking_command_is_no_death():
    world, _, _, cable, session = met("blocking")
    session.patient_until_ms = world.now_ms + 30_000
    cable.loss = 1
    began_ms = world.now_ms
    assert world.run(lambda: session.state == DORMANT, 100_000)
    assert world.now_ms - began_ms >= 30_000 + TIMES["dead"] - 100


@cases([(False,), (True,)])
def test_who_blocks_does_not_take_its_own_silence_for_a_death(busy):
    world, _, board, _, session = met("blocked")
    world.run(limit_ms=1000)
    session.patient_until_ms = board.asleep_until_ms = world.now_ms + 30_000
    if busy:
        session.send(CALL, 1, b"x")
    assert not world.run(lambda: session.state != ATTACHED, 100_000)
    assert board.session().state == ATTACHED and not board.told(DORMANT)
    assert len(board.messages) == busy


def test_who_blocked_still_notices_a_death():
    world, _, board, cable, session = met("blocked and dead")
    session.patient_until_ms = board.asleep_until_ms = world.now_ms + 30_000
    cable.loss = 1
    assert world.run(lambda: bool(board.told(DORMANT)), 30_000 + TIMES["keepalive"] + 100)


def test_a_restarted_peer_is_noticed_at_once():
    world, host, _, cable, session = met("restart")
    host.redial = cable.dial
    session.send(CALL, 1, b"x")
    world.run(limit_ms=100)
    # The board starts anew on a link that does not show it.
    again = Party(world, "board")
    cable.ends[1].party = again
    cable.ends[1].renew()
    session.send(CALL, 2, b"x")
    began_ms = world.now_ms
    assert world.run(lambda: bool(host.told("forgotten")), 1000)
    assert world.now_ms - began_ms < 200
    assert session.state == CLOSED and not host.endpoint.sessions
    assert not again.messages, "what the dead one may have done is not done again"
    assert "anew" in host.told(DORMANT)[0]
    fresh = cable.dial()
    fresh.send(CALL, 3, b"y")
    assert world.run(lambda: bool(again.messages), 1000)


def test_another_node_at_the_same_address():
    world, host, _, cable, session = met("another")
    cable.cut()
    cable.ends[1].party = Party(world, "other")
    cable.dial(session)
    assert world.run(lambda: bool(host.told("forgotten")), 1000)
    assert session.state == CLOSED


def test_closing_tells_the_peer():
    world, host, board, _, session = met("closing")
    host.endpoint.close(session, world.now_ms)
    world.run(limit_ms=10)
    assert session.state == CLOSED and not host.endpoint.sessions
    assert not board.endpoint.sessions
    assert board.told(CLOSED) == ["host ended the session"]


def test_a_closed_session_stops_greeting():
    world = World(random_for("closed"))
    host, board = Party(world, "host"), Party(world, "board")
    cable = Cable(world, host, board, delay_ms=50)
    session = cable.dial()
    world.run(limit_ms=20)
    host.endpoint.close(session, world.now_ms)
    world.run(limit_ms=20_000)
    assert cable.sent <= 2 and cable.ends[0].port.dialer is None
    assert session.state == CLOSED and not board.endpoint.sessions


def test_a_link_that_is_lost_before_its_hello_was_confirmed_leaves_no_session():
    world = World(random_for("gone"))
    board = Party(world, "board")
    cable = Cable(world, Party(world, "host"), board)
    for _ in range(5):
        cable.dial()
        port = cable.ends[1].port
        assert world.run(lambda port=port: port.answered is not None, 1000)
        cable.cut()
        assert not board.endpoint.sessions and port.answered is None
