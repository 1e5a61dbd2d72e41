"""The oracle: it knows what ran, and judges what the nodes said of it. Runs on both interpreters.

Each call bears a token. The functions that calls run write down when they begin and end, apart from
everything that is tested; whoever called writes down what it was told. `judge` compares.
"""

from whole.bounds import has_session

MARGIN_MS = 100  # after its deadline a call has ended

#: What a caller may be told, by the name of the exception ("value": none), and how often the call
#: may have begun then: least, most.
RUNS = {
    "value": (1, 1),
    "RemoteError": (1, 1),
    "Unknown": (0, 1),
    "given up": (0, 1),
    "NotDone": (0, 0),
    "Busy": (0, 0),
    "UnknownCommand": (0, 0),
    "BadArguments": (0, 0),
    "TooBig": (0, 0),
    "Refused": (0, 0),
    "CannotConnect": (0, 0),
    "LinkError": (0, 0),
    "MemoryError": (0, 1),  # here, before or after it was sent
    "ValueError": (0, 0),  # what was to be sent is no value
    "TypeError": (0, 0),
}


NOT_BEGUN = ("NotDone", "Busy", "UnknownCommand", "TooBig", "CannotConnect", "Refused")


class Call:
    """A call, as its caller sees it."""

    def __init__(self, token, caller, callee, mode, began_ms, frozen_ms):
        self.token = token
        self.caller = caller  # a Run
        self.callee = callee
        self.mode = mode
        self.began_ms = began_ms
        self.frozen_ms = frozen_ms  # of the caller, until then
        self.limit_ms = None  # when it is to have ended, after it began
        self.outcome = None
        self.value = None
        self.text = ""
        self.ran = []  # the runs of programs in which it began
        self.finished = 0

    def __repr__(self):
        return "%s: %s -> %s, %s: ran %d, %s %s" % (
            self.token, self.caller.name, self.callee, self.mode, len(self.ran), self.outcome,
            self.text,
        )  # fmt: skip


class Oracle:
    """All that ran, and what was said of it."""

    def __init__(self, world):
        self.world = world
        self.calls = {}
        self.streams = {}
        self.feeds = []
        self.over = False  # judged: what happens now is the scenery being taken down
        self.violations = []  # (kind, detail)

    def wrong(self, kind, detail=""):
        """A promise was broken."""
        if self.over:
            return
        self.world.note("WRONG", kind, detail)
        self.violations.append((kind, detail))

    # Calls

    def call(self, token, caller, callee, mode, limit_ms):
        """Somebody calls."""
        now_ms = self.world.now_ms
        call = Call(token, caller, callee, mode, now_ms, caller.process.stood_ms())
        call.limit_ms = limit_ms
        self.calls[token] = call
        self.world.note("call", token, caller.name, callee, mode)
        return call

    def began(self, token, run):
        """A command's function runs, in `run`."""
        self.world.note("began", token, run.name)
        if token in self.calls:
            self.calls[token].ran.append(run.name)

    def ended(self, call, outcome, value=None, text=""):
        """A call has ended for its caller."""
        if self.over:
            return
        if call.outcome is not None:
            self.wrong("a call ended twice", repr(call))
        call.outcome = outcome
        call.value = value
        call.text = text
        self.world.note("ended", call.token, outcome)
        if call.limit_ms is not None:
            frozen_ms = call.caller.process.stood_ms() - call.frozen_ms
            late_ms = self.world.now_ms - call.began_ms - call.limit_ms - frozen_ms
            if late_ms > MARGIN_MS and not self.world.spins:
                self.wrong("a call outlived its deadline", "by %d ms: %r" % (late_ms, call))

    def judge(self):
        """Everything has ended: is it as it was said?"""
        for call in self.calls.values():
            self._judge_call(call)
        for stream in self.streams.values():
            stream.judge(self)
        for feed in self.feeds:
            feed.judge(self)

    def _judge_call(self, call):
        ran = len(call.ran)
        if ran > 1:
            self.wrong("a call ran twice", "%r in %s" % (call, call.ran))
        if call.outcome is None:
            if not call.caller.process.dead:
                self.wrong("a call hangs", repr(call))
            return
        if call.outcome not in RUNS:
            self.wrong("a call ended with an unknown exception", repr(call))
            return
        least, most = RUNS[call.outcome]
        mode = call.mode
        if mode[:5] == "reply" and call.outcome == "TooBig":
            least, most = 1, 1  # the answer was too large, not the call
        elif mode == "generator":
            least = 0  # nothing of it runs before somebody asks for an item
        if ran < least:
            self.wrong("%s, and it never ran" % call.outcome, repr(call))
        elif ran > most and ran == 1:
            self.wrong("%s, and it ran" % call.outcome, repr(call))
        if call.outcome == "value" and call.value != expected(call.token, mode):
            self.wrong("a wrong value", "%r: %r" % (call, call.value))
        if call.outcome == "RemoteError" and mode == "ok" and "no memory" not in call.text:
            self.wrong("an error of a command that raised none", repr(call))


def expected(token, mode):
    """What a call of this mode brings, where it brings a value."""
    if mode[:6] == "reply ":
        return [token, "r" * int(mode[6:])]
    return [token, "done"]


class Stream:
    """A stream, from both ends."""

    def __init__(self, token, caller, callee, count, fails_at):
        self.token = token
        self.caller = caller
        self.callee = callee
        self.count = count
        self.fails_at = fails_at
        self.began = []  # runs of programs whose generator began
        self.open = []  # those generators that have not been closed
        self.items = []
        self.outcome = None
        self.text = ""
        self.session = None  # its id
        self.stop = int  # ends it from outside

    def waits_in_vain(self):
        """Whether nothing can come of it, and it has no deadline: the other end was forgotten."""
        if self.outcome is not None or self.caller.process.dead:
            return False
        return not has_session(self.caller.scenario.players[self.callee], self.session)

    def __repr__(self):
        return "%s: %s from %s, %d of %d items (fails at %s), began %d, %s %s" % (
            self.token, self.caller.name, self.callee, len(self.items), self.count, self.fails_at,
            len(self.began), self.outcome, self.text,
        )  # fmt: skip

    def judge(self, oracle):
        """Items in order, none missing, none twice; ended once, as the generator did."""
        items = self.items
        if items != [[self.token, i] for i in range(len(items))]:
            oracle.wrong("a stream's items are not in order", "%r: %s" % (self, items))
        if len(self.began) > 1:
            oracle.wrong("a stream ran twice", repr(self))
        for run in self.open:  # whose caller was killed may come back, as far as the callee knows
            if not run.process.dead and not self.caller.process.dead:
                oracle.wrong("a stream's generator was never closed", repr(self))
        outcome = self.outcome
        most = self.count if self.fails_at is None else self.fails_at
        if len(items) > most:
            oracle.wrong("a stream brought more than there is", repr(self))
        if outcome is None:
            if not self.caller.process.dead:
                oracle.wrong("a stream hangs", repr(self))
        elif outcome == "end":
            if self.fails_at is not None or len(items) != self.count:
                oracle.wrong("a stream ended too early", repr(self))
        elif outcome == "RemoteError":
            memory = "no memory" in self.text
            if not memory and (self.fails_at is None or len(items) != self.fails_at):
                oracle.wrong("a stream failed at another place", repr(self))
        elif outcome in NOT_BEGUN:
            if self.began or items:
                oracle.wrong("a stream is %s, and began" % outcome, repr(self))
        elif outcome not in ("Unknown", "closed", "LinkError", "given up", "MemoryError"):
            oracle.wrong("a stream ended with an unknown exception", repr(self))


class Feed:
    """What one subscriber got of one topic: (publisher's run, number, seq, missed)."""

    def __init__(self, name, subscriber, publisher, topic, queue):
        self.name = name
        self.subscriber = subscriber  # a Run
        self.publisher = publisher  # its name
        self.topic = topic
        self.queue = queue
        self.items = []
        self.outcome = None
        self.on = True
        self.counted = topic != "temperature"  # reading it besides takes numbers, too
        self.everywhere = False  # it goes on in all sessions, now and later
        self.session = None  # its id, of one that goes on in its session alone
        self.stop = int  # ends it from outside

    def waits_for(self):
        """Whether it is to bring more."""
        if not self.on or not self.counted or self.outcome is not None:
            return False
        if self.subscriber.process.dead:
            return False
        if self.everywhere or self.renewed:
            return True
        return has_session(self.subscriber.scenario.players[self.publisher], self.session)

    renewed = False  # a new session subscribes anew

    def take(self, reading):
        """An item has come."""
        value = reading.value
        if isinstance(value, list) and value[0] == self.publisher:
            self.items.append((value[0], value[1], reading.seq, reading.missed))

    def last(self):
        """The run and the number of the newest item."""
        return self.items[-1][:2] if self.items else None

    def judge(self, oracle):
        """In order, none twice, and what is missing was counted."""
        sessions = 0
        before = None
        seen = {}
        for item in self.items:
            run, number, seq, missed = item
            if number <= seen.get(run, -1):
                oracle.wrong(
                    "an item came twice or late", "%s: %s in %s" % (self.name, item, self.items)
                )
                return
            seen[run] = number
            if before is not None and self.counted:
                same = before[0] == run and before[1] - before[2] == number - seq
                if same and missed != seq - before[2] - 1:
                    oracle.wrong("`missed` is wrong", "%s: %s after %s" % (self.name, item, before))
                    return
                if not same:
                    sessions += 1
            before = item
        doubtful = self.subscriber.scenario.players[self.publisher].doubtful
        if sessions > self.subscriber.sessions + doubtful:
            oracle.wrong(
                "items are missing and were not counted",
                "%s: %d gaps, %d sessions: %s"
                % (self.name, sessions, self.subscriber.sessions, self.items),
            )
