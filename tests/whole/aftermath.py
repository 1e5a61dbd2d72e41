"""After the faults: all are served again, everything ends, nothing is left (both interpreters)."""

from whole.bounds import kept

#: After the faults have stopped, every pair of programs talks again within this: 15 s until a link
#: is dead, 15 s until nobody answers hellos there, and packets that are up to 20 s late before.
SERVED_MS = 50_000
FULL_MS = 60_000  # and later, where the places of programs that never come back have to get free
ENDED_MS = 30_000  # what was begun has ended, by its own deadline, within this
SETTLED_MS = 3_000  # once nobody wants anything more, nothing is kept after this
IDLE_MS = 2_000
PROMPT_MS = 1_000  # what is said from idle has arrived, over a good link
GONE_MS = 25_000  # that somebody was killed without a word is known after this
_STEP_MS = 250


class Aftermath:
    """The end of a scenario."""

    def __init__(self, scenario):
        self.scenario = scenario
        self.world = scenario.world
        self.oracle = scenario.oracle

    def run(self):
        """Lets it all come to rest, and judges."""
        began_ms = self.world.now_ms
        self.renew_first()
        self.scenario.adversary.stop()
        self.all_served()
        self.until(self.all_heard, SERVED_MS)
        if not self.world.given_up:
            for feed in self.oracle.feeds:
                if feed.waits_for() and not self.heard(feed):
                    self.oracle.wrong("a subscription is deaf", feed.name)
                    feed.on = False
            self.end_streams()
            self.until(self.calls_ended, ENDED_MS)
            self.all_prompt()
            self.end_feeds()
            self.until(self.feeds_ended, ENDED_MS)
            self.world.run(max(self.world.now_ms, began_ms + GONE_MS) + SETTLED_MS)
        if not self.world.given_up:
            self.oracle.judge()
            self.all_settled()

    def renew_first(self):
        """What is published from here on is new."""
        self.first = {name: dict(p.published) for name, p in self.scenario.players.items()}

    def outside(self, run, function):
        """Calls a function of a program, in a thread of its own where it has any."""
        if run.kit.name == "threads":
            run.kit.spawn(run.process, function)
        else:
            function()

    def until(self, done, limit_ms):
        """Lets time pass until `done()`; returns whether it was in time."""
        end_ms = self.world.now_ms + limit_ms
        while not done():
            if self.world.now_ms >= end_ms or self.world.given_up:
                return False
            self.world.run(self.world.now_ms + _STEP_MS)
        return True

    # Never deaf

    def all_served(self):
        """Each pair of programs that have to do with each other calls, both ways."""
        waiting = {}
        for player in self.scenario.players.values():
            if player.spec["listens"]:
                continue
            for pair in ((player.name, "n0"), ("n0", player.name)):
                waiting[pair] = None
        number = 0

        def served():
            nonlocal number
            for pair, token in waiting.items():
                call = self.oracle.calls.get(token)
                if call is None or call.outcome not in (None, "value"):
                    number += 1
                    waiting[pair] = token = "last%d" % number
                    self.call(pair, token)
            return not [
                1 for token in waiting.values()
                if token not in self.oracle.calls or self.oracle.calls[token].outcome != "value"
            ]  # fmt: skip

        limit_ms = SERVED_MS
        if min(player.spec["max_sessions"] for player in self.scenario.players.values()) < 8:
            limit_ms += FULL_MS
        if not self.until(served, limit_ms) and not self.world.given_up:
            for (who, to), token in waiting.items():
                call = self.oracle.calls.get(token)
                if call is None or call.outcome != "value":
                    why = "%s can't call %s: %r" % (who, to, call or self.why(who, to))
                    self.oracle.wrong("a program is not served again", why)

    def why(self, who, to):
        """What a program says of its peer."""
        run = self.scenario.players[who].run
        peer = run.peers.get(to)
        return "no peer" if peer is None else getattr(peer, "why", "?")

    def call(self, pair, token):
        who, to = pair
        action = {
            "what": "call", "who": who, "to": to, "token": token, "command": "quick", "mode": "ok",
            "timeout_s": 2, "ms": 0,
        }  # fmt: skip
        self.scenario.players[who].act(action)

    # Subscriptions

    def all_heard(self):
        """Whether each subscription that goes on has brought what was published last."""
        waiting = [feed for feed in self.oracle.feeds if feed.waits_for() and not self.heard(feed)]
        if waiting:
            self.publish("steady")
            self.publish("burst")
        return not waiting

    def heard(self, feed):
        last = feed.last()
        return last is not None and last[1] >= self.first[feed.publisher].get(feed.topic, 0)

    def has_all(self, feed):
        last = feed.last()
        published = self.scenario.players[feed.publisher].published
        return last is not None and last[1] == published.get(feed.topic, 0) - 1

    def publish(self, topic):
        for name, player in self.scenario.players.items():
            player.act(
                {
                    "what": "publish",
                    "who": name,
                    "topic": topic,
                    "items": 1,
                    "bytes": 3,
                    "mode": None,
                }
            )

    def all_sent(self):
        """Whether nobody has anything more to send to a peer that is there, and it has it all."""
        for player in self.scenario.players.values():
            if player.alive():
                for session in player.run.node.endpoint.sessions.values():
                    out = session.out
                    lanes = (out.short.waiting, out.short.open, out.long.waiting, out.long.open)
                    if session.attach is not None and any(lanes):
                        return False
        return True

    def all_prompt(self):
        """When everybody has been idle for a while, nothing waits for the next sign of life."""
        self.until(self.all_sent, FULL_MS)  # the rest of a call that was given up, on a slow link
        self.world.run(self.world.now_ms + IDLE_MS)
        up_to_date = [feed for feed in self.oracle.feeds if self.has_all(feed)]  # not a slow one
        self.renew_first()
        self.publish("steady")
        self.publish("burst")
        number = 0
        tokens = []
        for player in self.scenario.players.values():
            if not player.spec["listens"]:
                for pair in ((player.name, "n0"), ("n0", player.name)):
                    number += 1
                    tokens.append("prompt%d" % number)
                    self.call(pair, tokens[-1])
        self.world.run(self.world.now_ms + PROMPT_MS)
        if self.world.given_up:
            return
        for token in tokens:
            call = self.oracle.calls.get(token)
            if call is not None and call.outcome != "value":
                self.oracle.wrong("a call from idle is not prompt", repr(call))
        for feed in up_to_date:
            if feed.waits_for() and not self.heard(feed):
                self.oracle.wrong("a publish from idle is not prompt", feed.name)

    # The end

    def calls_ended(self):
        """Whether all calls and streams have ended, by themselves."""
        for call in self.oracle.calls.values():
            if call.outcome is None and not call.caller.process.dead:
                return False
        for stream in self.oracle.streams.values():
            if stream.outcome is None and not stream.caller.process.dead:
                return False
        return True

    def end_streams(self):
        """Closes the streams of which nothing can come any more."""
        for stream in self.oracle.streams.values():
            if stream.waits_in_vain():
                self.outside(stream.caller, stream.stop)

    def end_feeds(self):
        """Nobody wants to hear anything more."""
        for feed in self.oracle.feeds:
            feed.on = False
            if not feed.subscriber.process.dead:
                self.outside(feed.subscriber, feed.stop)

    def feeds_ended(self):
        """Whether all subscriptions have ended that do."""
        for feed in self.oracle.feeds:
            if not feed.everywhere and feed.outcome is None and not feed.subscriber.process.dead:
                return False
        return True

    def all_settled(self):
        """Nothing is kept that nobody wants."""
        for feed in self.oracle.feeds:
            if not feed.everywhere and feed.outcome is None and not feed.subscriber.process.dead:
                self.oracle.wrong("a subscription can't be ended", feed.name)
        for player in self.scenario.players.values():
            if player.alive():
                for what in kept(player.run):
                    self.oracle.wrong("something is kept", "%s: %s" % (player.run.name, what))
