"""One scenario: the world of a plan, its programs and faults, and the oracle's judgement (both
interpreters)."""

from both import MICROPYTHON, Random
from whole.adversary import Adversary
from whole.aftermath import Aftermath
from whole.links import Wire
from whole.oracle import Oracle
from whole.player import Player, Run

if MICROPYTHON:
    from whole import onboard as seams
else:
    from whole import seams


class Scenario:
    """A world with its programs. `plan` says what happens in it (plan.py)."""

    def __init__(self, plan, trace=None):
        self.plan = plan
        self.world = world = seams.World(Random(plan["seed"]), trace)
        self.oracle = Oracle(world)
        self.runs = []
        self.adversary = Adversary(self)
        world.on_spin = self.on_spin
        world.wires = {}
        seams.begin(world, self.on_error, plan["switches"])
        for spec in plan["wires"]:
            world.wires[spec["name"]] = Wire(world, **spec)
        self.players = {spec["name"]: Player(self, spec) for spec in plan["nodes"]}

    def kit(self, name):
        return seams.kit(name)

    def make_run(self, player):
        """A run of a program, of whatever kind it is."""
        if player.kit.name == "threads":
            from whole.threaded import ThreadedRun

            run = ThreadedRun(player)
        else:
            run = Run(player)
        self.runs.append(run)
        return run

    def on_error(self, what, error):
        """Something escaped from a thread."""
        process = self.world.process
        name = process.name if process is not None else "?"
        self.oracle.wrong("an exception escaped", "%s: %s: %s" % (name, what, self.where(error)))

    def on_spin(self, process):
        """Somebody keeps the processor busy while nothing happens."""
        name = "the boards" if process is None else process.name
        if ("a program spins", name) not in self.oracle.violations:
            self.oracle.wrong("a program spins", name)

    def describe(self, error):
        """An exception in one line, whatever it is."""
        try:
            return "%s: %s" % (type(error).__name__, error)
        except Exception:
            return type(error).__name__

    def where(self, error):
        """An exception, and the lines that it came through."""
        return self.describe(error) + seams.traceback_of(error)

    def run(self):
        """Lets it all happen; returns the oracle's violations."""
        try:
            self._run()
        finally:
            self.bury()
        return self.oracle.violations

    def _run(self):
        world = self.world
        begin_ms = world.now_ms
        for player in self.players.values():
            world.at(player.spec["starts_ms"], player.start)
        for action in self.plan["actions"]:
            world.at(action["at"], self.players[action["who"]].act, action)
        for fault in self.plan["faults"]:
            world.at(fault["at"], self.adversary.strike, fault)
        world.run(begin_ms + self.plan["lasts_ms"])
        Aftermath(self).run()

    def has(self, kit):
        """Whether there is a kit of this name."""
        return kit in seams.KITS

    def bury(self):
        """Ends everything."""
        self.oracle.over = True
        for run in self.runs:
            run.process.kill()
        for run in self.runs:
            run.kit.bury(run.process)
        seams.end()
