"""Exactly once, both directions, under the faults that each kind of link can have."""

from both import MICROPYTHON, cases, count, random_for
from faults import Cable, Party, Receiver, Sender, Wire, World, talk

HEAP_KB = 1600  # for messages of 100 kB

# Name, what is wrong with the link, how often it is cut (every so many ms, or 0).
FAULTS = [
    ("clean", {}, 0),
    ("loss", {"loss": 0.1}, 0),
    ("flips", {"flips": 0.01, "loss": 0.02}, 0),
    ("copies", {"copies": 0.3}, 0),
    ("reordered", {"late_ms": 40}, 0),
    ("all", {"loss": 0.1, "flips": 0.01, "copies": 0.05, "late_ms": 20}, 0),
    ("all and cuts", {"loss": 0.05, "flips": 0.01, "copies": 0.05, "late_ms": 20}, 700),
    ("slow", {"delay_ms": 300, "loss": 0.02}, 0),
    ("usb", {"kind": "text", "prints": 0.2, "mtu_bytes": 256}, 900),
    ("usb noise", {"kind": "text", "flips": 0.02, "prints": 0.1}, 0),
    ("usb bytes", {"kind": "text", "bytewise": True, "mtu_bytes": 64}, 0),
    ("tcp", {"kind": "tcp", "mtu_bytes": 4096}, 300),
    ("tcp bytes", {"kind": "tcp", "bytewise": True, "mtu_bytes": 200}, 500),
]


def two(world, **limits):
    """A node that dials and one that listens."""
    return Party(world, "host", **limits), Party(world, "board", **limits)


def keep_cutting(world, cable, every_ms):
    """Cuts the cable for ever, at random times around `every_ms` apart, in mid-packet or not."""

    def cut():
        cable.cut()
        world.at(every_ms // 2 + world.random.below(every_ms), cut)

    world.at(every_ms, cut)


def mixed(number):
    """Sizes as nodes send them: mostly small, a few larger than any packet."""
    if number % 50 == 49:
        return 3000 + number % 7 * 500
    if number % 10 == 9:
        return 300 + number % 13 * 50
    return 8 + number % 60


@cases([(name,) for name, _, _ in FAULTS])
def test_exactly_once(name):
    ((_, faults, every_ms),) = [row for row in FAULTS if row[0] == name]
    world = World(random_for(name))
    host, board = two(world)
    cable = Cable(world, host, board, **faults)
    host.redial = cable.dial
    cable.dial()
    if every_ms:
        keep_cutting(world, cable, every_ms)
    # Bytewise streams cost a Python call per byte here; they get a tenth.
    talk(world, host, board, count(1000 if faults.get("bytewise") else 10_000), mixed)
    assert not host.told("forgotten")
    assert host.endpoint.malformed == board.endpoint.malformed == 0


# Name, the serial line, the size of messages, the share of its bytes/s that they get both ways.
LINES = [
    ("9600", {"baud": 9600, "window_bytes": 512, "mtu_bytes": 120}, 100, 0.7),
    ("115200", {"baud": 115200}, 300, 0.9),
    ("115200, long", {"baud": 115200}, 4000, 0.85),
    ("921600, long", {"baud": 921600, "window_bytes": 2048}, 4000, 0.85),
    ("9600, 1 % flipped", {"baud": 9600, "byte_flips": 0.01}, 60, 0.04),
    ("115200, 1 % flipped", {"baud": 115200, "byte_flips": 0.01}, 300, 0.06),
    ("921600, 1 % flipped", {"baud": 921600, "byte_flips": 0.01}, 4000, 0.06),
    ("115200, 1 % lost", {"baud": 115200, "byte_losses": 0.01}, 300, 0.06),
    ("115200, 0.1 % of both", {"baud": 115200, "byte_losses": 1e-3, "byte_flips": 1e-3}, 300, 0.3),
]


@cases([(name,) for name, *_ in LINES])
def test_a_serial_line(name):
    ((_, line, size, share),) = [row for row in LINES if row[0] == name]
    world = World(random_for(name))
    host, board = two(world)
    cable = Wire(world, host, board, **line)
    host.redial = cable.dial
    session = cable.dial()
    assert world.run(lambda: session.met and bool(board.told("attach")), 120_000)
    begun_ms = world.now_ms
    noisy = 100_000 if line["baud"] < 10_000 else 400_000
    n = count(2_000_000 if share > 0.5 else noisy) // size
    talk(world, host, board, n, lambda number: size)
    seconds = (world.now_ms - begun_ms) / 1000
    reached = n * size / seconds / (line["baud"] / 10)
    assert reached >= share, "only %.3f of the line" % reached


def lossy_ms(loss, mtu_bytes):
    """How long messages take over a link that loses such a share of all packets."""
    world = World(random_for("loses some"))
    host, board = two(world)
    cable = Cable(world, host, board, mtu_bytes=mtu_bytes, delay_ms=13, loss=loss)
    session = cable.dial()
    assert world.run(lambda: session.met and bool(board.told("attach")))
    began_ms = world.now_ms
    talk(world, host, board, count(1000), lambda number: 8000)
    return world.now_ms - began_ms


@cases([(512,), (2048,)])
def test_a_link_that_loses_some_goes_on_well(mtu_bytes):
    """Not in ever smaller fragments, which are lost as often."""
    clean_ms = lossy_ms(0, mtu_bytes)
    some_ms = lossy_ms(0.12, mtu_bytes)
    assert some_ms < 4 * clean_ms, "%d ms, %d ms where some are lost" % (clean_ms, some_ms)


def test_the_faults_happen():
    # A simulator that ignores its own knobs would make all of the above worthless.
    world = World(random_for("knobs"))
    host, board = two(world)
    cable = Cable(world, host, board, loss=0.2, copies=0.2, late_ms=30)
    session = cable.dial()
    talk(world, host, board, 200, lambda number: 20)
    assert session.resent > 10
    assert session.ignored > 10
    cable = Cable(world, host, board, kind="text", flips=0.2, prints=0.5)
    host.redial = cable.dial
    world.cables[0].remove()
    talk(world, host, board, 200, lambda number: 20)
    damaged = cable.ends[0].decoder.damaged + cable.ends[1].decoder.damaged
    assert damaged > 10
    assert b"T=21.5" in cable.text


@cases([(True,), (False,)])
def test_a_long_message_moves_over_links_of_different_size(from_dialer):
    size = 100_000
    world = World(random_for("long"))
    host, board = two(world, limit_bytes=size)
    links = [
        {"kind": "text", "mtu_bytes": 512, "delay_ms": 20},
        {"kind": "datagram", "mtu_bytes": 32, "delay_ms": 20, "loss": 0.05},
        {"kind": "tcp", "mtu_bytes": 4096, "delay_ms": 100},
        {"kind": "datagram", "mtu_bytes": 185, "delay_ms": 5, "copies": 0.1, "late_ms": 9},
    ]
    sender, receiver = (host, board) if from_dialer else (board, host)
    receiver.receiver = Receiver(1)
    sender.sender = Sender(1, lambda number: size)
    cable = Cable(world, host, board, **links[0])
    session = cable.dial()
    assert world.run(lambda: session.met and bool(board.endpoint.sessions))
    assert sender.sender.send(sender.session())
    parts = []
    for faults in links[1:]:
        if world.run(lambda: receiver.receiver.missing == 0, 150):
            break
        parts.append(sum(sum(b - a for a, b in p.have) for p in partials(receiver)))
        old, cable = cable, Cable(world, host, board, **faults)
        if len(parts) == 2:
            old.remove()  # the link breaks first, then there is another
            cable.dial(session)
        else:
            cable.dial(session)  # moves to the other link while the first still works
            port = cable.ends[0].port
            world.run(lambda port=port: port.attach is not None, 200)
            old.remove()
    assert world.run(lambda: receiver.receiver.missing == 0, 600_000)
    assert len(parts) >= 2 and parts[0] > 0
    assert parts == sorted(parts), "nothing that had arrived was thrown away"
    assert partials(receiver) == []
    assert not host.told("forgotten")


def partials(party):
    """The messages of which a part has arrived."""
    return list(party.session().short.partial.values()) + list(
        party.session().long.partial.values()
    )


def test_short_messages_overtake_a_long_one():
    world = World(random_for("overtake"))
    host, board = two(world, limit_bytes=60_000)
    cable = Cable(world, host, board, kind="text", mtu_bytes=128, delay_ms=10)
    session = cable.dial()
    assert world.run(lambda: session.met)
    session.send(4, 1, bytes(60_000))
    world.run(limit_ms=30)
    session.send(1, 2, b"call")
    assert world.run(lambda: len(board.messages) == 1, 60)
    assert board.messages[0] == (1, 2, b"call")
    assert world.run(lambda: len(board.messages) == 2, 60_000)


def test_long_messages_do_not_starve():
    world = World(random_for("starve"))
    host, board = two(world)
    cable = Cable(world, host, board, kind="text", mtu_bytes=128, delay_ms=5)
    session = cable.dial()
    assert world.run(lambda: session.met)
    done = []  # only long ones are noted

    class Notes:
        def take(self, kind, ref, body):
            if len(body) > 1000:
                done.append(ref)

    board.receiver = Notes()
    host.sender = Sender(1_000_000, lambda number: 40)  # there is always a short one waiting

    def flood():
        while len(session.out.short.waiting) < 60:
            host.sender.send(session)
        return bool(done)

    session.send(4, 9, bytes(8000))
    assert world.run(flood, 3000)


def test_same_seed_same_faults():
    def run():
        world = World(random_for("same"))
        host, board = two(world)
        cable = Cable(world, host, board, loss=0.1, copies=0.1, late_ms=20)
        session = cable.dial()
        talk(world, host, board, 100, mixed)
        return world.now_ms, cable.sent, session.resent, session.ignored

    assert run() == run()


def test_throughput_is_not_ruined_by_the_protocol():
    # On a clean link of 2 ms each way, 30 packets of a window per round trip are possible.
    world = World(random_for("throughput"))
    host, board = two(world)
    cable = Cable(world, host, board)
    cable.dial()
    began_ms = world.now_ms
    talk(world, host, board, 2000, lambda number: 100)
    assert world.now_ms - began_ms < 4000
    assert not MICROPYTHON or cable.sent < 8000
