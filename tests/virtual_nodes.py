"""Whole nodes on the virtual clock and the faulty cables of `faults.py`."""

from faults import Cable

from picolink.core.states import DORMANT
from picolink.node.client.calls import Items
from picolink.node.client.reading import Counter, readings
from picolink.node.node import Node


class NoLoop:
    """The node's host where the world's clock drives everything: nothing is left to do."""

    due_ms = 0

    def call_by(self, at_ms):
        pass


class Party(Node):
    """A node that `Cable` can join."""

    def __init__(self, world, name, **limits):
        super().__init__(name, b"uid-" + name.encode(), **limits)
        self.world = world
        self.endpoint.random = world.random.bytes
        self.now_ms = lambda: world.now_ms
        self.host = NoLoop()
        self.asleep_until_ms = 0
        self.redial = None
        self.diary = []

    def on_state(self, session, why):
        super().on_state(session, why)
        self.diary.append((session.state, why))
        if session.state == DORMANT and self.redial is not None:
            self.world.at(50, self.redial, session)

    def on_refused(self, session, why):
        self.diary.append(("refused", why))

    def on_forgotten(self, session):
        self.diary.append(("forgotten", session.id))

    def on_silence(self, session):
        self.diary.append(("silence", session.id))

    def session(self):
        """The only session of this node."""
        (session,) = self.endpoint.sessions.values()
        return session

    def calls(self):
        """Its calls to the only peer."""
        return self.session().data.caller()

    def begin(self, name, *args, timeout_ms=0, items=None, **named):
        """Begins a call; returns it."""
        return self.calls().start(name, args, named, timeout_ms, self.now_ms(), items)

    def call(self, name, *args, timeout_ms=0, **named):
        """Runs a command at the peer while the world goes on."""
        call = self.begin(name, *args, timeout_ms=timeout_ms, **named)
        assert self.world.run(lambda: call.done), "no answer to %s" % name
        return call.result()

    def gather(self, name, *args, window=16):
        """Begins a stream; returns the call and the list that its items go to."""
        got = []

        def take(seq, values):
            got.extend(values)
            self.calls().grant(call, len(values))

        call = self.begin(name, *args, items=Items(window, take))
        return call, got

    def follow(self, topic, window=64):
        """Subscribes; returns the call and the list that the readings go to."""
        got = []
        counter = Counter()

        def take(seq, values):
            got.extend(readings(self.session(), items, counter, seq, values, self.now_ms(), 0))
            self.calls().grant(call, len(values))

        items = Items(window, take)
        call = self.begin("sys.subscribe", topic, 64, items=items)
        return call, got


def joined(world, **faults):
    """Two nodes on a cable, attached: host (which dialed), board, cable."""
    host = Party(world, "host")
    board = Party(world, "board")
    cable = Cable(world, host, board, **faults)
    cable.dial()
    host.redial = cable.dial
    assert world.run(lambda: host.session().attach is not None and len(board.endpoint.sessions) > 0)
    assert world.run(lambda: board.session().attach is not None)
    return host, board, cable
