"""What is kept for a peer has its place and its bound, and goes with it (spec 14)."""

from both import random_for
from faults import World
from virtual_nodes import joined

from picolink.core.timing import TIMES

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
    host.calls()._next_ref = call.ref
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
    board.reading("odd", every_s=0.1)(lambda: object())
    call, got = host.follow("odd")
    assert world.run(lambda: "odd" in board.topics, 1000)
    board.tick()
    assert world.run(lambda: bool(got), 1000)
    assert got[0].value is None and got[0].time_quality


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
    from picolink.services import deliver

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
