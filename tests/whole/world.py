"""A virtual world: one clock, what is to happen, and who may run next.

Nothing here waits. While somebody can run, the clock stands still; who of several runs next is
drawn by lot, so that one seed is one interleaving. Then the clock jumps to what happens next.
Runs on both interpreters.
"""

from heapq import heappop, heappush

MOST_TURNS = 20000  # without any time passing: somebody spins
_MOST_SPINS = 2  # then it is of no use to go on


class Process:
    """One run of one program: what a kill ends, what a debugger or a busy machine stops for a
    while, and whose clock began at a moment of its own."""

    def __init__(self, world, name, skew_ms=0):
        self.world = world
        self.name = name
        self.skew_ms = skew_ms
        self.dead = False
        self.frozen_until_ms = 0
        self.frozen_ms = 0  # in all
        self.no_memory_at = None  # [kind, n]: see memory.py
        self.on_kill = []
        self.tasks = []  # of a board: all that it ever made, and those that are over now and then

    def freeze(self, ms):
        """Stops it for so long; what it would have done is done then."""
        until_ms = self.world.now_ms + ms
        self.frozen_ms += max(0, until_ms - max(self.frozen_until_ms, self.world.now_ms))
        self.frozen_until_ms = max(self.frozen_until_ms, until_ms)

    def stood_ms(self):
        """How long it has stood still until now."""
        return self.frozen_ms - max(0, self.frozen_until_ms - self.world.now_ms)

    def kill(self):
        """It is gone, in the middle of whatever it did."""
        if not self.dead:
            self.dead = True
            for function in self.on_kill:
                function()


class Timer:
    """Something that is to happen."""

    def __init__(self, at_ms, function, arguments):
        self.at_ms = at_ms
        self.function = function
        self.arguments = arguments

    def cancel(self):
        """It will not."""
        self.function = None


class World:
    """The clock, and everything that is to happen. `random` draws all that the world decides."""

    def __init__(self, random, trace=None):
        self.random = random
        self.now_ms = 100_000
        self.process = None  # whose turn it is
        self.trace = trace
        self.printed = []  # (process, text): what programs say on their terminal
        self.spins = 0
        self.given_up = False  # since somebody spins
        self.on_spin = len  # hears of a process that runs again and again while no time passes
        self._events = []
        self._count = 0
        self._ready = []

    def at(self, delay_ms, function, *arguments):
        """Calls `function` when `delay_ms` have passed; returns a Timer."""
        timer = Timer(self.now_ms + delay_ms, function, arguments)
        self._count += 1
        heappush(self._events, (timer.at_ms, self._count, timer))
        return timer

    def note(self, *what):
        """Writes into the trace, where one is kept."""
        if self.trace is not None:
            self.trace.append((self.now_ms,) + what)

    def clock_ms(self):
        """What the clock of the running process shows."""
        process = self.process
        return self.now_ms if process is None else self.now_ms + process.skew_ms

    def wake(self, actor):
        """`actor` has something to do: its `turn()` is called soon. It has a `process` (or None)
        and a flag `queued`, which belongs to the world."""
        if not actor.queued:
            actor.queued = True
            self._ready.append(actor)

    def next_ms(self):
        """When something happens next, or None."""
        events = self._events
        while events and events[0][2].function is None:
            heappop(events)
        return events[0][0] if events else None

    def happen(self):
        """Lets happen what is due."""
        events = self._events
        while events and events[0][0] <= self.now_ms:
            timer = heappop(events)[2]
            if timer.function is not None:
                timer.function(*timer.arguments)

    def run(self, until_ms, done=None):
        """Lets time pass until `until_ms`, or until `done()`; returns whether it was done."""
        ready = self._ready
        while True:
            turns = 0
            while ready:
                turns += 1
                if turns > MOST_TURNS:  # a real machine is busy until something happens
                    self.spins += 1
                    self.on_spin(ready[-1].process)
                    break
                self._turn()
            if done is not None and done():
                return True
            next_ms = self.next_ms()
            if ready and (next_ms is None or self.spins > _MOST_SPINS):
                self.given_up = True
                return False
            if next_ms is None or next_ms > until_ms:
                self.now_ms = until_ms
                return False
            self.now_ms = next_ms
            self.happen()

    def _turn(self):
        ready = self._ready
        actor = ready[-1]
        if len(ready) > 1:
            i = self.random.below(len(ready))
            ready[i], actor = actor, ready[i]
        ready.pop()
        actor.queued = False
        process = actor.process
        if process is not None:
            if process.dead:
                return
            if process.frozen_until_ms > self.now_ms:
                self.at(process.frozen_until_ms - self.now_ms, self.wake, actor)
                return
        self.process = process
        actor.turn()
        self.process = None
