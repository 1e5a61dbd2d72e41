"""What is kept for a peer has its place and its bound, and goes with it (spec 14)."""

from struct import pack

from both import raises, random_for
from faults import World
from virtual_nodes import joined

from picolink.core.packets import CANCEL, ITEMS, LONG, REPLY
from picolink.core.timing import TIMES
from picolink.node.client.calls import Items

HEAP_KB = 800


def two():
    world = World(random_for("places"))
    host, board, _ = joined(world)
    return world, host, board


def test_a_number_of_a_call_that_is_open_is_not_used_again():
    """As after 65,535 calls beside a subscription."""
    world, host, board = two()
    board.command(name="echo")(lambda value: value)
    call, got = host.follow("door")
    assert world.run(lambda: "door" in board.topics, 1000)
    host.calls().next_ref = call.ref
    other = host.begin("echo", 5)
    assert other.ref != call.ref
    assert world.run(lambda: other.done, 1000) and other.result() == 5
    board.publish("door", "open")
    assert world.run(lambda: bool(got), 1000)


def test_a_subscription_without_a_place_is_asked_for_again():
    world, host, board = two()
    calls = [host.follow("other%d" % i)[0] for i in range(32)]
    assert world.run(lambda: len(board.topics) == 32, 2000)
    got = []
    host.subscribe("door")(got.append)
    for meet in host.on_meet:
        meet(host.session())
    world.run(None, 1000)
    assert "door" not in board.topics
    host.calls().cancel(calls[0])
    for _ in range(2 * TIMES["retry_max"] // 500):
        world.run(None, 500)
        host.tick()
    assert "door" in board.topics


class Full(list):
    def append(self, item):
        raise MemoryError


def test_who_has_no_memory_for_an_item_takes_it_from_nobody():
    world, host, board = two()
    errors = []
    board.on_error = errors.append
    first, _ = host.follow("door")
    second, got = host.follow("door")
    assert world.run(lambda: len(board.topics.get("door", ())) == 2, 1000)
    board.topics["door"][0].queue = Full()
    board.publish("door", "open")
    assert world.run(lambda: bool(got), 1000)
    assert len(errors) == 1


def test_a_reading_that_gives_no_value_is_null_with_the_reason():
    world, host, board = two()
    values = [object(), object(), 7, object()]
    errors = []
    board.on_error = errors.append
    board.reading("odd", every_s=0.1)(lambda: values.pop(0))
    call, got = host.follow("odd")
    assert world.run(lambda: "odd" in board.topics, 1000)
    for came in range(1, 5):
        world.run(None, 100)
        board.tick()
        assert world.run(lambda came=came: len(got) == came, 1000)
    assert [item.value for item in got] == [None, None, 7, None] and got[0].time_quality
    assert len(errors) == 2  # once, until it works again


def test_a_command_that_blocks_is_not_run_for_who_has_gone():
    world, host, board = two()
    ran = []
    board.command(name="press", blocking_s=1)(lambda: ran.append(1))
    host.begin("press")
    assert world.run(lambda: bool(board.later), 1000)  # nobody runs what it puts off
    board.endpoint.close(board.session(), world.now_ms)
    while board.later:
        board.later.pop(0)()
    assert not ran


def test_of_what_nodes_delivered_the_last_sixteen_are_remembered():
    from picolink.node.services import deliver

    world, host, board = two()
    talk = board.session().data
    session = talk.session
    uid = session.peer_uid
    try:
        for i in range(40):
            session.peer_uid = b"sensor%d" % i
            deliver.serve(talk, 1, i, 0, [["t", i, "C"]])
    finally:
        session.peer_uid = uid
    assert len(board.deliveries._ids) == 16 and b"sensor39" in board.deliveries._ids


def test_what_a_stream_makes_ahead_is_bounded_in_bytes():
    world, host, board = two()
    held = []

    @board.stream
    def large():
        for _ in range(40):
            for outgoing in board.session().data.outgoing.values():
                held.append(sum(len(body) for _, body in outgoing.queue))
            yield "x" * 4000

    call, got = host.gather("large")
    assert world.run(lambda: call.done, 60_000) and len(got) == 40
    assert max(held) <= 8192 + 4002


class Gone:
    """A socket of whose queue somebody has hung up."""

    def accept(self):
        raise OSError(103, "ECONNABORTED")


def test_who_has_hung_up_costs_nobody_a_connection():
    from picolink.links.tcp.link import TcpListener

    assert TcpListener(Gone(), "tcp-listen::1", None, None).accept() is None


def test_a_subscription_that_there_is_no_memory_to_begin_takes_no_place():
    from picolink.core.packets import BEGUN

    world, host, board = two()
    send = board.session().send

    def fails(kind, ref, body):
        if kind & 15 == BEGUN:
            raise MemoryError
        return send(kind, ref, body)

    board.session().send = fails
    call, _ = host.follow("door")
    assert world.run(lambda: call.done, 1000)
    assert not board.session().data.outgoing and not board.topics.get("door")


def test_long_items_behind_a_long_answer_wait_in_their_queue():
    """One of them at most waits to be sent: the others would take memory without a bound."""
    world, host, board = two()
    board.command(name="long")(lambda: "y" * 12_000)

    @board.stream
    def large():
        for _ in range(40):
            yield "x" * 3000

    call, got = host.gather("large", window=64)
    assert world.run(lambda: len(got) > 2, 20_000)
    answer = host.begin("long")
    most = [0]

    def watch():
        waiting = board.session().out.long.waiting
        most[0] = max(most[0], len([each for each in waiting if each.kind & 0x0F == ITEMS]))
        return call.done and answer.done

    assert world.run(watch, 120_000) and len(got) == 40
    assert most[0] <= 2


def test_a_subscriber_that_is_lost_as_its_queue_is_emptied_costs_the_next_one_nothing():
    world, host, board = two()
    host.follow("door")
    _, got = host.follow("door")
    assert world.run(lambda: len(board.topics.get("door", ())) == 2, 1000)
    first = board.topics["door"][0]
    first.limit = 2
    board.publish("door", 1)
    board.publish("door", 2)
    board.session().attach.port.drain = lambda: board.drop(first)  # as where its session ends
    board.publish("door", 3)
    assert world.run(lambda: len(got) == 3, 1000)
    assert [item.value for item in got] == [1, 2, 3] and board.topics["door"] != [first]


def test_the_number_after_the_last_one_is_1():
    """0 is no call's: the peer would not answer it."""
    world, host, board = two()
    board.command(name="echo")(lambda value: value)
    host.calls().next_ref = 0xFFFF
    for ref in (0xFFFF, 1):
        call = host.begin("echo", ref)
        assert call.ref == ref
        assert world.run(lambda call=call: call.done, 1000) and call.result() == ref


def test_calls_that_were_let_go_of_leave_their_numbers_behind():
    """An answer to one that was given up, which comes late, is no answer to the next."""
    world, host, board = two()
    board.command(name="echo")(lambda value: value)
    talk = host.session().data
    assert not talk.forget_calls()  # there are none
    given_up = host.begin("echo", 1)
    assert not talk.forget_calls()  # it is under way
    host.calls().abandon(given_up)
    assert talk.forget_calls() and talk.calls is None
    call = host.begin("echo", 2)
    assert call.ref != given_up.ref
    assert world.run(lambda: call.done, 1000) and call.result() == 2


def test_an_item_that_is_being_sent_leaves_answers_no_more_room():
    world, host, board = two()
    session = board.session()
    item = session.send(ITEMS, 1, bytes(10_000))
    session.next_packet(world.now_ms)
    assert item in session.out.long.open and item in session.out.long.waiting
    for ref in (2, 3, 4):
        session.send(REPLY, ref, bytes(12_000))  # more than twice what a message may have
    assert not session.data._may_begin(5, b"x")


def test_credits_that_overtake_each_other_take_none_back():
    world, host, board = two()
    host.follow("door")
    assert world.run(lambda: bool(board.topics.get("door")), 1000)
    (outgoing,) = board.topics["door"]
    for told, then in ((200, 200), (100, 200), (0x3FFFFFFF, 200), (201, 201)):
        outgoing.grant(pack("<I", told))
        assert outgoing.credit == then


def test_messages_without_items_take_room_too():
    """Else one that comes before its turn costs who sends it nothing, and us memory."""
    items = Items(4, lambda seq, values: None)
    for number in range(1, 1 + items.granted):
        items.add(number, 0, [])
    with raises(ValueError):
        items.add(60, 0, [])
    assert len(items.early) == items.granted


def test_the_mark_of_a_cancel_goes_when_its_message_has_come():
    world, host, board = two()
    session = board.session()
    talk = session.data
    talk._cancel(1, pack("<BH", 0, session.short.low))
    assert len(talk.cancelled) == 1
    session.short.deliver(session.short.low)  # no call, as it turns out
    talk._cancel(2, pack("<BH", 0, session.short.low))
    assert [mark[0] for mark in talk.cancelled] == [2]


class NoRoom:
    """A socket of a system that has no place for one more."""

    def accept(self):
        raise OSError(24, "EMFILE")


def test_where_there_is_no_room_for_one_more_connection_that_is_told():
    """Else it would be asked for ever, and no idle one closed for it."""
    from picolink.links.tcp.link import TcpListener

    with raises(OSError):
        TcpListener(NoRoom(), "tcp-listen::1", None, None).accept()


def test_cancels_of_what_never_comes_have_a_bound():
    world, host, board = two()
    about = pack("<BH", LONG, board.session().long.low)
    for ref in range(1, 200):
        host.session().send(CANCEL, ref, about)
        world.run(None, 50)
    assert len(board.session().data.cancelled) <= 128


def test_a_short_block_does_not_shorten_the_patience_with_a_long_one():
    world, host, board = two()

    def long():
        board.asleep_until_ms = world.now_ms + 30_000
        return "long"

    board.command(name="long", blocking_s=30)(long)
    board.command(name="short", blocking_s=1)(lambda: "short")
    calls = [host.begin(name, timeout_ms=None) for name in ("long", "short")]
    assert world.run(lambda: len(board.session().data.running) == 2, 1000)
    world.run(None, 20)
    while board.later:
        board.later.pop(0)()
    world.run(None, 60_000)
    assert [call.value for call in calls] == ["long", "short"]
    assert "dormant" not in [state for state, _ in host.diary]
