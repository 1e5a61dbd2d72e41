"""A program with a node, which lives through kills and restarts; both interpreters.

`Player` is what stays: a name, a place in the world. `Run` is one run of its program, on asyncio;
threaded.py has the same for blocking programs. What the program does, and when, the plan says.
"""

from whole import functions
from whole.oracle import Feed, Stream
from whole.world import Process

READY_S = 5


class Player:
    """One program of the world."""

    def __init__(self, scenario, spec):
        self.scenario = scenario
        self.world = scenario.world
        self.spec = spec
        self.name = spec["name"]
        self.uid = spec["uid"]
        self.kit = scenario.kit(spec["kit"])
        self.runs = 0
        self.run = None
        self.doubtful = 0  # items that may have been published, and have no number
        self.taken = 0  # of its reading
        self.published = {}  # topic -> items, of all its runs: no number is used twice

    def start(self):
        """The program begins."""
        if self.run is not None and not self.run.process.dead:
            return
        self.runs += 1
        self.run = self.scenario.make_run(self)
        self.run.begin()

    def kill(self):
        """The program ends in the middle of whatever it did."""
        if self.run is not None and not self.run.process.dead:
            self.world.note("kill", self.run.name)
            self.run.process.kill()
            for wire in self.world.wires.values():
                wire.vanish(self.run.process)

    def alive(self):
        """Whether the program runs."""
        return self.run is not None and not self.run.process.dead

    def act(self, action):
        """Does what the plan says."""
        if self.alive():
            self.run.act(action)


class Run:
    """One run of a program on asyncio."""

    def __init__(self, player):
        self.player = player
        self.scenario = player.scenario
        self.world = player.world
        self.oracle = player.scenario.oracle
        self.kit = player.kit
        self.name = "%s/%d" % (player.name, player.runs)
        self.process = Process(self.world, self.name, player.spec["skew_ms"] * player.runs)
        self.process.run = self
        self.process.on_error = self.on_error
        self.leaving = False
        self.ended = False
        self.met = []  # the sessions that this node ever had
        self.peers = {}  # name of the other program -> its Peer, while there is one
        self.generators = []  # of its streams
        self.cancels = {}  # token -> what cancels its task
        self.node = None

    @property
    def sessions(self):
        """How many sessions this node ever had."""
        return len(self.met)

    def tasks_at_rest(self):
        """How many tasks or threads there are when nothing is under way."""
        peers = len(self.player.spec["dials"])
        if self.kit.name == "host":  # `serve`, and for each peer its connection's
            return 2 + peers
        links = len(self.node.drivers) + len(self.node.listeners)  # each has a task that waits
        links += sum(driver._writing for driver in self.node.drivers)  # its sign of life, just now
        return 3 + peers + links

    def on_error(self, what, error):
        """Something escaped from the node's own loops."""
        text = what if error is None else "%s: %s" % (what, self.scenario.where(error))
        self.oracle.wrong("an exception escaped", "%s: %s" % (self.name, text))

    def begin(self):
        """The program starts."""
        before, self.world.process = self.world.process, self.process
        self.make_node()
        self.world.process = before
        self.kit.start(self.process, self.main)

    def make_node(self):
        """Makes the node and declares what it offers."""
        spec = self.player.spec
        self.node = self.kit.Node(
            self.player.name, uid=self.player.uid, max_message_bytes=spec["limit"],
            window_bytes=spec["window"], max_sessions=spec["max_sessions"],
        )  # fmt: skip
        functions.declare(self)

        def meet(session):
            if session.id not in self.met:
                self.met.append(session.id)

        self.node.on_meet.append(meet)
        for number, (topic, publisher, how) in enumerate(spec["everywhere"]):
            name = "%s everywhere %s %d" % (self.name, topic, number)
            feed = Feed(name, self, publisher, topic, "all")
            feed.everywhere = True
            self.oracle.feeds.append(feed)
            self.node.subscribe(topic)(self.subscriber(feed, how))

    def subscriber(self, feed, how):
        """A function for what is published; it raises at some of the items."""
        every = 2 if feed.topic == "burst" else 7

        def plain(reading):
            feed.take(reading)
            if len(feed.items) % every == 1:
                functions.misbehave(self.kit, how)

        async def later(reading):
            feed.take(reading)
            await self.kit.asyncio.sleep(0.01)
            if len(feed.items) % every == 1:
                functions.misbehave(self.kit, how)

        return later if feed.topic == "steady" and self.player.spec["patient"] else plain

    async def main(self):
        """The program itself."""
        running = self.kit.package("node.running")
        spec = self.player.spec
        links = ["sim-listen:" + wire for wire in spec["listens"]]
        await running.serve(self.node, tuple(links) + (self.live(),))
        self.ended = True
        self.process.kill()
        for wire in self.world.wires.values():
            wire.vanish(self.process)

    async def live(self):
        """Keeps a peer for each node that it dials, as a program does that wants to go on."""
        for number, wire in enumerate(self.player.spec["dials"]):
            self.dial(wire, number)
        for name in self.player.spec["calls_back"]:
            self.peers[name] = self.node.peer(name)
        while not self.leaving:
            await self.kit.asyncio.sleep(0.25)

    def dial(self, wire, number):
        """One peer. It tries again by itself, whatever happens."""
        there = self.world.wires[wire].listener_name
        if self.player.spec["flavour"] == "aio" and self.kit.name == "host":
            self.kit.package("node.opening").start(self.node)
            peer = self.kit.package("node.host.aio").Board(self.node, "sim:" + wire)
        else:
            peer = self.node.peer("sim:" + wire)
        self.peers[there if number == 0 else there + str(number)] = peer

    # What the plan has it do

    def act(self, action):
        """Does what the plan says, beside all else."""
        what = action["what"]
        if what == "publish":
            self.in_process(self.publish, action)
        elif what == "leave":
            self.leaving = True
        else:
            operation = getattr(self, "do_" + what)
            for token in action.get("tokens", [action["token"]]):
                cancel = self.kit.spawn(self.process, lambda token=token: operation(action, token))
                self.cancels[token] = cancel
                if action.get("cancel_ms") is not None:
                    self.world.at(action["cancel_ms"], cancel)

    def in_process(self, function, *arguments):
        """Calls a function of the program from outside of it."""

        async def run():
            function(*arguments)

        self.kit.spawn(self.process, run)

    def peer(self, action):
        """The peer that an action is for, or None."""
        return self.peers.get(action["to"])

    async def do_call(self, action, token):
        """Calls a command and writes down what became of it."""
        peer = self.peer(action)
        if peer is None:
            return
        call = self.begin_call(action, token)
        arguments = [token] + self.arguments(action)
        try:
            value = await peer.call(action["command"], *arguments, timeout_s=action["timeout_s"])
        except BaseException as error:
            self.told(call, error)
        else:
            self.oracle.ended(call, "value", value)

    def begin_call(self, action, token):
        """Tells the oracle of a call."""
        timeout_s = action["timeout_s"]
        limit_ms = 10_000 if timeout_s is None else int(timeout_s * 1000)
        if action["command"] == "slow" and timeout_s is None:
            limit_ms += 12_000
        return self.oracle.call(token, self, action["to"], action["mode"], limit_ms)

    def begin_stream(self, action, token):
        """Tells the oracle of a stream."""
        stream = Stream(token, self, action["to"], action["items"], action["fails_at"])
        stream.stop = self.cancels[token]
        self.oracle.streams[token] = stream
        return stream

    def begin_feed(self, action, token):
        """Tells the oracle of a subscription."""
        queue = "latest" if action["latest"] else "all"
        name = "%s %s" % (self.name, token)
        feed = Feed(name, self, action["to"], action["topic"], queue)
        feed.stop = self.cancels[token]
        self.oracle.feeds.append(feed)
        return feed

    def arguments(self, action):
        """What is sent with a call besides its token."""
        mode = action["mode"]
        if mode[:5] == "send ":
            return [functions.no_value(mode[5:])]
        if mode[:8] == "request ":
            return ["ok" + " " * int(mode[8:])]
        if mode == "too many":
            return ["ok", 1, 2, 3]
        if action["command"] in ("later", "slow"):
            return [mode, action["ms"]]
        return [mode]

    def told(self, call, error):
        """Writes down what a call, a stream or a subscription ended with."""
        name = type(error).__name__
        if name in ("CancelledError", "KeyboardInterrupt", "GeneratorExit"):
            name = "given up"
        elif getattr(error, "begun", False):  # whatever its name: the command's own
            name = "RemoteError"
        text = self.scenario.describe(error)
        if isinstance(call, (Stream, Feed)):
            call.outcome = name
            call.text = text
        else:
            self.oracle.ended(call, name, None, text)

    async def do_stream(self, action, token):
        """Takes a stream's items, all of them or the first few."""
        peer = self.peer(action)
        if peer is None:
            return
        stream = self.begin_stream(action, token)
        try:
            command = action["command"]
            feed = await peer.stream(
                command, token, action["items"], action["fails_at"], action["mode"]
            )
            stream.session = peer.session.id
            try:
                async for item in feed:
                    stream.items.append(item)
                    if len(stream.items) == action["takes"]:
                        break
                    if action["ms"]:
                        await self.kit.asyncio.sleep(action["ms"] / 1000)
                else:
                    stream.outcome = "end"
            finally:
                feed.close()
            if stream.outcome is None:
                stream.outcome = "closed"
        except BaseException as error:
            self.told(stream, error)

    async def do_subscribe(self, action, token):
        """Takes what a peer publishes, for a while."""
        peer = self.peer(action)
        if peer is None:
            return
        feed = self.begin_feed(action, token)
        try:
            subscription = await peer.subscribe(action["topic"], feed.queue)
            feed.session = peer.session.id
            feed.renewed = hasattr(subscription, "renew")
            try:
                end_ms = self.world.now_ms + action["for_ms"]
                async for reading in subscription:
                    feed.take(reading)
                    if self.world.now_ms >= end_ms or not feed.on:
                        break
                    if action["ms"]:
                        await self.kit.asyncio.sleep(action["ms"] / 1000)
            finally:
                subscription.close()
        except BaseException as error:
            self.told(feed, error)
        feed.outcome = feed.outcome or "closed"

    def publish(self, action):
        """Publishes some items under a topic."""
        player = self.player
        topic = action["topic"]
        for i in range(action["items"]):
            number = player.published.get(topic, 0)
            padding = "p" * action["bytes"]
            if action["mode"] and i == action["items"] // 2:
                if action["mode"] == "toolarge":
                    try:
                        padding = functions.no_value("toolarge")
                    except MemoryError:
                        pass  # of this program's: a heap of 400 kB that is in pieces
                else:
                    self.publish_one(topic, functions.no_value(action["mode"]))
            player.published[topic] = number + 1
            self.publish_one(topic, [player.name, number, padding])

    def publish_one(self, topic, value):
        """Publishes a value; what goes wrong with it is the program's own affair, if it is told."""
        numbered = isinstance(value, list) and len(value) == 3
        try:
            self.send(topic, value)
        except Exception as error:
            name = type(error).__name__
            if name == "MemoryError":
                self.player.doubtful += 1
            elif numbered and name != "TooBig":
                self.on_error("publish", error)
        else:
            if not numbered:  # something went out in its place, which has no number
                self.player.doubtful += 1

    def send(self, topic, value):
        """Publishes a value."""
        self.node.publish(topic, value)

    async def do_read(self, action, token):
        """Reads a reading, or asks a service for what it does not do."""
        peer = self.peer(action)
        if peer is None:
            return
        try:
            if action["mode"]:
                await peer.call(*action["mode"], timeout_s=5)
            else:
                await peer.read("temperature", timeout_s=5)
        except Exception as error:
            if type(error).__name__ not in ODD:
                self.on_error("read", error)


#: What a service or a reading may answer.
ODD = (
    "RemoteError", "BadArguments", "UnknownCommand", "Unknown", "NotDone", "Busy", "CannotConnect",
    "Refused", "LinkError", "TooBig", "MemoryError",
)  # fmt: skip
