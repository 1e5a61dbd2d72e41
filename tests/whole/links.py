"""Links that do to their packets what a wire's faults say, on the world's clock; both interpreters.

A `Wire` is a place in the world, with a name: `sim-listen:NAME` waits there, `sim:NAME` dials. What
it is like stands in its `kind`:

- "stream": whatever is taken arrives, in order; the sender's buffer is small, so that it stalls;
- "datagram": packets are lost, doubled, late, and overtake each other;
- "text": frames among text, as on a serial line; noise damages some, a program prints between them.
  Nobody dials there: both ends are always there, and whoever opens one has it.
"""

_TAKES = 2048


class Wire:
    """One wire and its faults. Shares are of 1000."""

    def __init__(
        self, world, name, kind="stream", mtu_bytes=512, delay_ms=2, jitter_ms=0, lost=0, doubled=0,
        late_ms=0, buffer_packets=4, polled=False, listener_name="",
    ):  # fmt: skip
        self.world = world
        self.name = name
        self.listener_name = listener_name  # whose program waits there
        self.kind = kind
        self.mtu_bytes = mtu_bytes
        self.delay_ms = delay_ms
        self.jitter_ms = jitter_ms
        self.lost = lost if kind != "stream" else 0  # a plan made smaller may say otherwise
        self.doubled = doubled
        self.late_ms = late_ms
        self.buffer_packets = buffer_packets
        self.polled = polled
        self.silent = False  # nobody gets through to the other side, and nobody is told
        self.held = []  # what a stream will bring once it is no longer silent
        self.shut = False  # nothing can be opened
        self.listener = None
        self.ends = []  # of kind "text": who has the two ends

    def open(self, kit, listens):
        """What a program gets that opens it: a link, or a listener."""
        if self.shut and not listens:
            raise kit.errors.CannotConnect("the wire %s is unplugged" % self.name)
        if self.kind == "text":
            return self._plug(kit, listens)
        if listens:
            if self.listener is not None and not self.listener.process.dead:
                raise kit.errors.CannotConnect("%s is in use" % self.name)
            self.listener = Listener(self, kit, self.world.process)
            return self.listener
        listener = self.listener
        if listener is None or listener.process.dead:
            raise kit.errors.CannotConnect("nobody listens on %s" % self.name)
        mine = End(self, kit, self.world.process, "sim:" + self.name)
        theirs = End(self, listener.kit, listener.process, "sim:" + self.name)
        mine.other = theirs
        theirs.other = mine
        self.ends = [end for end in self.ends if not end.closed] + [mine, theirs]
        listener.new.append(theirs)
        listener.changed()
        return mine

    def _plug(self, kit, listens):
        scheme = "sim-listen:" if listens else "sim:"
        end = (Served if listens else TextEnd)(self, kit, self.world.process, scheme + self.name)
        end.listens = listens
        for other in self.ends[:]:
            if other.listens == listens:
                self.ends.remove(other)
            else:
                end.other = other
                other.other = end
        self.ends.append(end)
        return end

    def cut(self):
        """Breaks what is open; both sides are told."""
        self.world.note("cut", self.name)
        for end in self.ends:
            end.broken()
        if self.kind != "text":
            self.ends = []

    def heal(self):
        """What was silent or unplugged works again."""
        self.silent = self.shut = False
        held, self.held = self.held, []
        for to, packet in held:
            self.carry(to, packet)

    def vanish(self, process):
        """A process is gone: of the ends that it had the other sides hear as the kind has it."""
        if self.listener is not None and self.listener.process is process:
            self.listener = None
        for end in self.ends:
            if end.process is process and not end.closed:
                end.closed = True
                if self.kind == "stream" and not self.silent and end.other is not None:
                    self.world.at(self.delay_ms, end.other.broken)

    def carry(self, to, packet):
        """Sends one packet on its way."""
        world = self.world
        below = world.random.below
        if self.silent and self.kind == "stream":
            self.held.append((to, packet))
            return
        if self.silent or to is None or (self.lost and below(1000) < self.lost):
            return
        delay_ms = self.delay_ms
        if self.kind == "datagram":
            if self.jitter_ms:
                delay_ms += below(self.jitter_ms)
            if self.late_ms and below(50) == 0:
                delay_ms += below(self.late_ms)
            if self.doubled and below(1000) < self.doubled:
                world.at(delay_ms + below(self.late_ms or 5), to.arrive, packet)
            world.at(delay_ms, to.arrive, packet)
        else:
            if self.jitter_ms:
                delay_ms += below(self.jitter_ms)
            to.due_ms = at_ms = max(to.due_ms, world.now_ms + delay_ms)
            world.at(at_ms - world.now_ms, to.arrive, packet)


class End:
    """One end of a wire: a link."""

    stream = False
    listens = False
    window_bytes = 0
    rest = b""

    def __init__(self, wire, kit, process, address):
        self.wire = wire
        self.kit = kit
        self.process = process
        self.address = address
        self.mtu_bytes = wire.mtu_bytes
        self.takes_bytes = min(_TAKES, wire.mtu_bytes)
        self.reliable = wire.kind == "stream"
        self.stream = wire.kind != "datagram"
        self.pollable = Pollable(self) if wire.polled else None
        self.on_text = len
        self.on_ready = int
        self.other = None
        self.closed = False
        self.lost = False
        self.due_ms = 0  # when the last packet to it arrives
        self.queue = []
        self.out = 0  # packets that the wire has not carried yet

    # What happens to it

    def arrive(self, packet):
        """A packet has come."""
        if not self.closed and not self.lost:
            self.queue.append(packet)
            self.changed()
        if self.other is not None and self.reliable:
            self.other.sent()

    def sent(self):
        """The wire has carried a packet of ours."""
        self.out -= 1
        if self.out == self.wire.buffer_packets - 1:
            self.changed()

    def broken(self):
        """The link is gone."""
        if not self.closed:
            self.lost = True
            self.changed()

    def changed(self):
        """Something has come, or there is room again."""
        if self.pollable is None:
            self.kit.hear(self.process, self.on_ready)
        else:
            self.pollable.changed()

    # What drivers use

    @property
    def unsent(self):
        if self.lost or self.closed:  # as poll says of what is closed: it has something to tell
            return False
        return self.reliable and self.out >= self.wire.buffer_packets

    def receive(self):
        """The packets that have come."""
        packets, self.queue = self.queue, []
        if self.lost and not packets:
            raise self.kit.errors.LinkError("the wire was cut")
        return packets

    def send(self, packet):
        """Sends a packet."""
        if self.closed or self.lost:
            raise OSError(32, "broken pipe")
        assert len(packet) <= max(self.mtu_bytes, 32), "larger than the link takes"
        if self.reliable:
            self.out += 1
        self.wire.carry(self.other, packet)

    def write(self, text):
        """Sends text."""

    def flush(self):
        """Nothing has to be pushed."""

    def close(self):
        """Closes both ends."""
        if self.closed:
            return
        self.closed = True
        if self.pollable is not None:
            self.pollable.changed()
        other = self.other
        if other is not None and self.wire.kind == "stream" and not self.wire.silent:
            self.wire.world.at(self.wire.delay_ms, other.broken)


class TextEnd(End):
    """An end of a serial line. Frames are made and read by the core."""

    reliable = False

    def __init__(self, wire, kit, process, address):
        super().__init__(wire, kit, process, address)
        self.reliable = False
        textstream = kit.package("core.textstream")
        self._encode = lambda packet: textstream.encode(packet, textstream.PROMPT)
        self._decoder = textstream.Decoder(lambda text: self.on_text(text))

    def receive(self):
        """The packets that have come."""
        if self.lost:
            raise self.kit.errors.LinkError("the line was unplugged")
        pieces, self.queue = self.queue, []
        packets = []
        for piece in pieces:
            packets += self._decoder.feed(piece)
        return packets

    def send(self, packet):
        """Sends a packet in a frame."""
        if self.closed or self.lost:
            raise OSError(5, "unplugged")
        data = self._encode(packet)
        below = self.wire.world.random.below
        if self.wire.doubled and below(1000) < self.wire.doubled:  # noise
            data = bytearray(data)
            data[below(len(data))] ^= 1 << below(8)
            data = bytes(data)
        self.wire.carry(self.other, data)

    def write(self, text):
        """Sends text."""
        if not self.closed and not self.lost:
            self.wire.carry(self.other, text)


class Served(TextEnd):
    """The end that a node serves: it waits for whoever comes next."""

    def reopen(self):
        """The same end, anew."""
        return self.wire._plug(self.kit, True)


class Listener:
    """Makes an end of each one that dials."""

    def __init__(self, wire, kit, process):
        self.wire = wire
        self.kit = kit
        self.process = process
        self.address = "sim-listen:" + wire.name
        self.pollable = Pollable(self) if wire.polled else None
        self.on_ready = int
        self.new = []

    @property
    def queue(self):
        return self.new

    lost = False
    unsent = False

    def changed(self):
        """Somebody has dialed."""
        if self.pollable is None:
            self.kit.hear(self.process, self.on_ready)
        else:
            self.pollable.changed()

    def watch(self, node, callback):
        """Has `callback` called when somebody dials."""

        def accept():
            while self.new:
                callback()

        return node.host.watch(self, accept)

    def accept(self):
        """The next end."""
        return self.new.pop(0) if self.new else None

    def close(self):
        """Listens no more."""
        if self.wire.listener is self:
            self.wire.listener = None


class Pollable:
    """What is polled of a link: stands for a file descriptor."""

    def __init__(self, link):
        self.link = link
        self.watchers = []

    def readable(self):
        """Whether `receive` has something to say."""
        return bool(self.link.queue) or self.link.lost

    def writable(self):
        """Whether `send` takes something."""
        return not self.link.unsent

    def changed(self):
        """Either may be otherwise now."""
        for watcher in self.watchers[:]:
            watcher()
