"""What only a wire between two equals has: both sides dial, each asks the other for silence, and
what one says may come back to it."""

from both import cases, random_for
from faults import Cable, Party, World, met

from picolink.core.packets import CALL, MAX_QUIET_MS, REPLY
from picolink.core.timing import TIMES


def of(party, session):
    """The session at `party` that is the other end of `session`."""
    return party.endpoint.sessions[session.id]


@cases(
    [
        ("at once", "datagram", 0, 0),
        ("lossy", "datagram", 0, 0.1),
        ("one after the other", "datagram", 500, 0),
        ("among text", "text", 3, 0.01),
    ]
)
def test_both_sides_may_dial(name, kind, later_ms, faults):
    world = World(random_for("both " + name))
    a, b = Party(world, "a"), Party(world, "b")
    lossy = {"flips": faults} if kind == "text" else {"loss": faults}
    cable = Cable(world, a, b, kind=kind, **lossy)
    a.redial = b.redial = None
    one = cable.dial(end=0)
    world.run(limit_ms=later_ms)
    other = cable.dial(end=1)
    assert world.run(lambda: one.met and other.met, 5000)
    for i in range(50):
        one.send(CALL, i, b"from a %d" % i)
        other.send(CALL, i, b"from b %d" % i)
    assert world.run(lambda: len(a.messages) == len(b.messages) == 50, 60_000)
    assert sorted(b.messages) == sorted((CALL, i, b"from a %d" % i) for i in range(50))
    assert sorted(a.messages) == sorted((CALL, i, b"from b %d" % i) for i in range(50))
    world.run(limit_ms=3 * TIMES["dead"])  # neither takes the link of the other
    assert one.attach is not None and other.attach is not None
    assert len(a.told("attach")) == len(b.told("attach")) == 2
    of(a, other).send(REPLY, 7, b"late")
    of(b, one).send(REPLY, 8, b"late too")
    assert world.run(lambda: (REPLY, 7, b"late") in b.messages, 10_000)
    assert world.run(lambda: (REPLY, 8, b"late too") in a.messages, 10_000)


def both_dialed(seed):
    """Two parties on one wire, and the sessions that either has dialed."""
    world = World(random_for(seed))
    a, b = Party(world, "a"), Party(world, "b")
    cable = Cable(world, a, b)
    one, other = cable.dial(end=0), cable.dial(end=1)
    assert world.run(lambda: one.met and other.met, 5000)
    return world, a, b, cable, one, other


def test_a_cut_loses_both_and_both_come_back():
    world, a, b, cable, one, other = both_dialed("both cut")
    cable.cut()
    assert one.attach is None and other.attach is None
    one.send(CALL, 1, b"waits")
    other.send(CALL, 2, b"waits too")
    cable.dial(other, end=1)
    cable.dial(one, end=0)
    assert world.run(lambda: a.messages and b.messages, 5000)
    assert (a.messages, b.messages) == ([(CALL, 2, b"waits too")], [(CALL, 1, b"waits")])


def test_who_was_restarted_takes_its_own_place_only():
    world, a, b, cable, one, other = both_dialed("both restarted")
    newer = cable.dial(end=1)  # b begins anew, and forgets the one it dialed before
    assert world.run(lambda: newer.met, 5000)
    assert of(a, other).attach is None and of(a, newer).attach is not None
    assert one.attach is not None and of(b, one).attach is not None
    newer.send(CALL, 1, b"anew")
    one.send(CALL, 2, b"still")
    assert world.run(lambda: a.messages and b.messages, 1000)


def test_closing_one_leaves_the_other():
    world, a, b, cable, one, other = both_dialed("both close")
    a.endpoint.close(one, world.now_ms)
    world.run(limit_ms=1000)
    assert one.id not in b.endpoint.sessions
    other.send(CALL, 1, b"still")
    assert world.run(lambda: bool(a.messages), 1000)


def test_a_wire_that_repeats_all_that_is_said_still_works():
    """A two-wire adapter hears itself; its own words must not count as the peer's."""
    world = World(random_for("echo"))
    a, b = Party(world, "a"), Party(world, "b")
    cable = Cable(world, a, b)
    carry = cable._carry

    def echoing(to, packet):
        carry(to, packet)
        carry(cable.ends[0] if to is cable.ends[1] else cable.ends[1], packet)

    cable._carry = echoing
    session = cable.dial()
    assert world.run(lambda: session.met, 1000)
    assert cable.ends[0].port.echoes and not cable.ends[1].port.echoes
    for i in range(20):
        session.send(CALL, i, b"call %d" % i)
        of(b, session).send(REPLY, i, b"reply %d" % i)
    assert world.run(lambda: len(a.messages) == len(b.messages) == 20, 5000)
    world.run(limit_ms=2 * TIMES["dead"])
    assert len(a.told("attach")) == 1 and not a.told("refused")
    assert len(a.messages) == len(b.messages) == 20


def test_a_wire_joined_to_itself_attaches_nothing():
    world = World(random_for("shorted"))
    a, b = Party(world, "a"), Party(world, "b")
    cable = Cable(world, a, b)
    carry = cable._carry
    cable._carry = lambda to, packet: carry(cable.ends[0], packet)
    cable.dial()
    world.run(limit_ms=TIMES["dead"] - 1)
    assert cable.ends[0].port.echoes
    assert not a.told("attach") and not a.told("refused")


@cases([(64,), (200,), (1000,)])
def test_no_more_is_under_way_than_the_port_takes(window_bytes):
    world = World(random_for("window"))
    a, b = Party(world, "a"), Party(world, "b")
    cable = Cable(world, a, b, mtu_bytes=64, delay_ms=20)
    for end in cable.ends:
        end.port.window_bytes = window_bytes
    session = cable.dial()
    assert world.run(lambda: session.met, 1000)
    most = 0
    for _ in range(30):
        session.send(CALL, 1, bytes(500))

    def watch():
        nonlocal most
        most = max(most, session.attach.flight_bytes)
        return len(b.messages) == 30

    assert world.run(watch, 60_000)
    assert window_bytes // 2 < most <= window_bytes + 64


def quiet_world(name, **faults):
    world, a, b, cable, session = met(name, **faults)
    said = []
    carry = cable._carry

    def note(to, packet):
        if to is cable.ends[0]:
            said.append((world.now_ms, packet))
        carry(to, packet)

    cable._carry = note
    return world, a, b, cable, session, said


def test_a_peer_asked_for_silence_says_nothing_until_told():
    world, a, b, cable, session, said = quiet_world("quiet")
    port = cable.ends[0].port
    silent = []
    port.on_quiet = lambda: silent.append(world.now_ms)
    assert a.endpoint.quiet(port, 2000)
    of(b, session).send(REPLY, 1, b"before it heard")
    assert world.run(lambda: bool(silent), 100)
    since_ms = world.now_ms
    for i in range(40):
        of(b, session).send(REPLY, i, b"waits")
    session.send(CALL, 1, b"asked in between")
    assert not world.run(lambda: len(said) and said[-1][0] > since_ms, 1500)
    assert (CALL, 1, b"asked in between") in b.messages  # it listens all the same
    a.endpoint.quiet(port, 0)
    assert world.run(lambda: len(a.messages) == 41, 200)


def test_silence_ends_by_itself():
    world, a, b, cable, session, said = quiet_world("quiet ends")
    a.endpoint.quiet(cable.ends[0].port, 60_000)
    world.run(limit_ms=100)
    of(b, session).send(REPLY, 1, b"waits")
    begun_ms = world.now_ms
    assert world.run(lambda: bool(a.messages), 2 * MAX_QUIET_MS)
    assert MAX_QUIET_MS - 200 <= world.now_ms - begun_ms <= MAX_QUIET_MS + 200


def test_nobody_is_there_to_be_silent():
    world = World(random_for("alone"))
    a, b = Party(world, "a"), Party(world, "b")
    cable = Cable(world, a, b)
    assert not a.endpoint.quiet(cable.ends[0].port, 100)


@cases([(b"\x46",), (b"\x46aaaa",), (b"\x46aaaabb",), (b"\x45aaaa",), (b"\x45",), (b"\x45aaaab",)])
def test_others_can_not_ask_for_silence(packet):
    world, _, b, cable, session, _ = quiet_world("quiet forged")
    cable.ends[1].receive(packet)
    of(b, session).send(REPLY, 1, b"goes")
    session.send(CALL, 1, b"goes")
    assert world.run(lambda: bool(b.messages), 100)
    assert not cable.ends[1].port.quiet_until_ms


def test_what_either_session_of_a_wire_lost_is_sent_again_in_time():
    world, a, b, cable, one, other = both_dialed("both lost")
    world.run(limit_ms=1000)
    for session, at in ((one, b), (other, a)):
        cable.loss = 1
        session.send(CALL, 1, b"lost")
        world.run(limit_ms=50)
        cable.loss = 0
        assert world.run(lambda at=at: at.messages, 1000), session is one
