"""What goes wrong in a scenario, beside what the wires and the users' functions do: both
interpreters. Each fault is a dict of the plan: when, what, to whom, for how long."""

from whole.world import Process


class Adversary:
    """Does to a scenario what its plan has in store."""

    def __init__(self, scenario):
        self.scenario = scenario
        self.world = scenario.world
        self._timers = []

    def later(self, ms, function):
        self._timers.append(self.world.at(ms, function))

    def stop(self):
        """Nothing goes wrong from here on; who is gone comes back."""
        for timer in self._timers:
            timer.cancel()
        for wire in self.world.wires.values():
            wire.heal()
            wire.lost = wire.doubled = wire.late_ms = 0
        for player in self.scenario.players.values():
            if player.alive() and player.run.leaving:
                player.kill()
            if player.alive():
                player.run.process.no_memory_at = None
            player.start()

    def strike(self, fault):
        """Lets one fault happen."""
        self.world.note("fault", fault["what"], fault["on"])
        getattr(self, "do_" + fault["what"])(fault)

    def wire(self, fault):
        return self.world.wires[fault["on"]]

    def player(self, fault):
        return self.scenario.players[fault["on"]]

    # Wires

    def do_cut(self, fault):
        """The connection breaks; both sides are told, and may dial at once."""
        self.wire(fault).cut()

    def do_silence(self, fault):
        """Nothing gets through for a while, and nobody is told."""
        wire = self.wire(fault)
        wire.silent = True
        self.later(fault["ms"], wire.heal)

    def do_unplug(self, fault):
        """The connection breaks, and nobody gets another one for a while."""
        wire = self.wire(fault)
        wire.shut = True
        wire.cut()
        self.later(fault["ms"], wire.heal)

    # Programs

    def do_kill(self, fault):
        """A program ends without a word, and begins again later."""
        player = self.player(fault)
        player.kill()
        if fault["new"]:
            player.uid = player.uid[:-3] + ("%03d" % player.runs).encode()
        self.later(fault["ms"], player.start)

    def do_leave(self, fault):
        """A program ends properly, and begins again later."""
        player = self.player(fault)
        if player.alive():
            player.run.leaving = True
        self.later(fault["ms"] + 3000, player.kill)  # if it is not gone by then
        self.later(fault["ms"] + 3001, player.start)

    def do_freeze(self, fault):
        """A program stands still for a while."""
        player = self.player(fault)
        if player.alive():
            player.run.process.freeze(fault["ms"])

    def do_ctrl_c(self, fault):
        """The user of a blocking program presses Ctrl-C."""
        player = self.player(fault)
        if player.alive() and player.kit.name == "threads":
            player.run.interrupt()

    def do_memory(self, fault):
        """A program has no memory left for the nth thing that it makes of this kind."""
        player = self.player(fault)
        if player.alive():
            player.run.process.no_memory_at = [fault["kind"], fault["n"]]

    # Strangers

    def do_knock(self, fault):
        """Strangers say hello, and never another word."""
        server = self.scenario.players["n0"]
        wire = self.wire(fault)
        if wire.kind == "text" or not server.alive() or wire.listener is None:
            return
        for i in range(fault["n"]):
            Stranger(self.scenario, wire, ("stranger%03d" % i).encode(), fault["ms"])


class Stranger:
    """Somebody who dials, says hello or garbage, and leaves after a while without a word."""

    def __init__(self, scenario, wire, uid, stays_ms):
        self.world = world = scenario.world
        self.process = Process(world, "a stranger")
        kit = scenario.kit("board") if scenario.has("board") else scenario.kit("host")
        before, world.process = world.process, self.process
        try:
            link = wire.open(kit, False)
            endpoint = kit.package("core.endpoint").Endpoint(
                uid, "stranger", self, world.random.bytes
            )
            port = kit.package("core.port").Port(link.mtu_bytes, link.takes_bytes)
            session = endpoint.new_session(world.random.bytes(8))
            kit.package("core.dialer").Dialer(endpoint, port, session, self, world.now_ms)
            while port.queue:
                link.send(port.queue.pop(0))
            if uid[-1] & 1:
                link.send(world.random.bytes(20))
        except (kit.errors.CannotConnect, OSError):
            pass
        world.process = before
        world.at(stays_ms, self.leave, wire)

    def leave(self, wire):
        self.process.kill()
        wire.vanish(self.process)

    # What the core tells its owner

    def on_state(self, session, why):
        pass
