"""Streams, subscriptions and calls, both ways at once, under the faults that links have: exactly
once, in order per stream and topic."""

from both import MICROPYTHON, cases, count, random_for
from faults import World
from virtual_nodes import joined

HEAP_KB = 16000

FAULTS = [
    ("clean", {}, 0),
    ("loss", {"loss": 0.1}, 0),
    ("flips", {"flips": 0.01, "loss": 0.02}, 0),
    ("copies and reordering", {"copies": 0.1, "late_ms": 30}, 0),
    ("all and cuts", {"loss": 0.05, "flips": 0.01, "copies": 0.05, "late_ms": 20}, 700),
    ("usb", {"kind": "text", "prints": 0.2, "mtu_bytes": 256}, 900),
    ("usb noise", {"kind": "text", "flips": 0.02, "prints": 0.1}, 0),
    ("tcp", {"kind": "tcp", "mtu_bytes": 4096}, 300),
]


def keep_cutting(world, cable, every_ms):
    def cut():
        cable.cut()
        world.at(every_ms // 2 + world.random.below(every_ms), cut)

    world.at(every_ms, cut)


def offer(node):
    """Gives `node` a stream, and a command that notes what it was called with."""
    node.noted = []

    def numbers(n):
        return (i * 3 for i in range(n))

    def note(i):
        node.noted.append(i)
        return i

    node.stream(numbers)
    node.command(note)


def publish_all(world, node, topic, n):
    """Publishes 0 to n - 1, whenever the queue has room."""
    state = [0]

    def some():
        for outgoing in node.topics.get(topic, ()):
            while state[0] < n and len(outgoing.queue) < outgoing.limit:
                node.publish(topic, state[0])
                state[0] += 1
        if state[0] < n:
            world.at(3, some)

    world.at(1, some)


@cases([(name,) for name, _, _ in FAULTS])
def test_once_and_in_order(name):
    ((_, faults, every_ms),) = [row for row in FAULTS if row[0] == name]
    world = World(random_for(name))
    host, board, cable = joined(world, **faults)
    n = count(2000 if MICROPYTHON else 10_000)  # all that came is kept: a heap full of it
    for node in (host, board):
        offer(node)
    streams = [node.gather("numbers", n) for node in (host, board)]
    topics = [node.follow("t") for node in (host, board)]
    for node in (host, board):
        publish_all(world, node, "t", n)
    if every_ms:
        keep_cutting(world, cable, every_ms)
    calls = []

    def call_on():
        for node in (host, board):
            open_calls = [call for call in calls if not call.done]
            if len(calls) < 2 * n // 10 and len(open_calls) < 16:
                calls.append(node.begin("note", len(calls)))
        if len(calls) < 2 * n // 10:
            world.at(10, call_on)

    call_on()

    def done():
        return (
            all(call.done for call, _ in streams)
            and all(len(got) >= n for _, got in topics)
            and len(calls) >= 2 * n // 10
            and all(call.done for call in calls)
        )

    assert world.run(done, 3_600_000), "%s %s %d calls" % (
        [len(got) for _, got in streams],
        [len(got) for _, got in topics],
        len(calls),
    )
    for call, got in streams:
        assert call.result() is None
        assert got == [i * 3 for i in range(n)]
    for _, got in topics:
        assert [reading.value for reading in got] == list(range(n))
        assert not any(reading.missed for reading in got)
    for number, call in enumerate(calls):
        assert call.result() == number
    assert sorted(host.noted + board.noted) == list(range(len(calls)))
    assert not [entry for entry in host.diary if entry[0] == "forgotten"]
