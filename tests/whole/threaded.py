"""One run of a blocking program: `picolink.connect`, and a thread for each thing that it does
(CPython only). The same methods as `Run` has for asyncio."""

from __future__ import annotations

import queue
from typing import Any

from whole import threadlike, threads
from whole.oracle import Feed
from whole.player import ODD, Run


class ThreadedRun(Run):
    """A program that waits for what it calls."""

    board: Any = None

    def begin(self) -> None:
        self.numbering = threads.Lock()
        self.own = threadlike.SimpleQueue()  # what the main thread is to do
        super().begin()

    def main(self) -> None:  # type: ignore[override]
        """The program itself: it connects, again where that failed, and serves until it leaves.
        What the plan marks for it, it does in this thread, where a Ctrl-C may meet it."""
        spec = self.player.spec
        address = "sim:" + spec["dials"][0]
        there = self.world.wires[spec["dials"][0]].listener_name
        self.thread = threads.current_thread()
        while not self.leaving:
            try:
                self.interruptible(self.connect, address, there)
                self.interruptible(self.work)
            except KeyboardInterrupt:
                continue
        board, self.board = self.board, None
        if board is not None:
            board.close()
        self.ended = True
        self.process.kill()
        for wire in self.world.wires.values():
            wire.vanish(self.process)

    def interruptible(self, function: Any, *arguments: Any) -> None:
        """Calls `function`, during which a Ctrl-C is the program's own affair."""
        self.open_to_signals = True
        try:
            function(*arguments)
        finally:
            self.open_to_signals = False
            self.thread.interrupt = None

    open_to_signals = False

    def interrupt(self) -> None:
        """Ctrl-C, if the program is at a place where it expects one."""
        if self.open_to_signals and not self.process.dead:
            self.world.note("ctrl-c", self.name)
            self.thread.interrupt = KeyboardInterrupt()
            threads.alarm()
            self.world.wake(self.thread)

    def connect(self, address: str, there: str) -> None:
        blocking = self.kit.package("node.host.blocking")
        errors = self.kit.errors
        while self.board is None and not self.leaving:
            if self.node.host is not None:  # a node is given to one connection
                before = self.node
                self.make_node()
                assert self.node is not before
            try:
                self.board = blocking.connect(address, timeout_s=5, node=self.node)
            except (errors.PicolinkError, MemoryError):
                threads.sleep(0.5)
            else:
                self.peers[there] = self.board
                for feed, how in self.everywhere:
                    self.subscribe(feed, how)
                self.everywhere = []

    def subscribe(self, feed: Any, how: str) -> None:
        """Subscribes with a callback; again, where there was no memory."""
        while True:
            try:
                self.board.subscribe(feed.topic, self.subscriber(feed, how))
            except MemoryError:
                continue
            return

    def make_node(self) -> None:
        self.everywhere: list[Any] = []
        everywhere = self.player.spec["everywhere"]
        self.player.spec["everywhere"] = []  # here a Board subscribes, with a callback
        super().make_node()
        self.player.spec["everywhere"] = everywhere
        for number, (topic, publisher, how) in enumerate(everywhere):
            feed = Feed(f"{self.name} callback {topic} {number}", self, publisher, topic, "all")
            self.oracle.feeds.append(feed)
            feed.everywhere = True
            self.everywhere.append((feed, how))

    def tasks_at_rest(self) -> int:
        return 3  # this program's own, and two of the connection

    def work(self) -> None:
        """Does what is its own to do, until it leaves."""
        while not self.leaving:
            try:
                job = self.own.get(timeout=0.5)
            except queue.Empty:
                continue
            job()

    def in_process(self, function: Any, *arguments: Any) -> None:
        self.kit.spawn(self.process, lambda: function(*arguments))

    def act(self, action: Any) -> None:
        """Does what the plan says: in a thread of its own, or in the main thread."""
        if not action.get("main"):
            super().act(action)
            return
        operation = getattr(self, "do_" + action["what"])
        self.cancels[action["token"]] = int
        self.own.put(lambda: operation(action, action["token"]))

    def do_call(self, action: Any, token: str) -> None:  # type: ignore[override]
        peer = self.peer(action)
        if peer is None:
            return
        call = self.begin_call(action, token)
        try:
            value = peer.call(
                action["command"], token, *self.arguments(action), timeout_s=action["timeout_s"]
            )
        except BaseException as error:
            self.told(call, error)
            self.raise_signal(error)
        else:
            self.oracle.ended(call, "value", value)

    def raise_signal(self, error: BaseException) -> None:
        """A Ctrl-C goes on to the program; the end of the process does too."""
        if not isinstance(error, Exception):
            raise error

    def do_stream(self, action: Any, token: str) -> None:  # type: ignore[override]
        peer = self.peer(action)
        if peer is None:
            return
        stream = self.begin_stream(action, token)
        try:
            command = action["command"]
            items = peer.stream(command, token, action["items"], action["fails_at"], action["mode"])
            stream.stop = items.close
            stream.session = peer._client.session.id
            with items:
                for item in items:
                    stream.items.append(item)
                    if len(stream.items) == action["takes"]:
                        stream.outcome = "closed"
                        break
                    if action["ms"]:
                        threads.sleep(action["ms"] / 1000)
                else:
                    ended = peer._client.closed.is_set() or items._intake.closed
                    stream.outcome = "closed" if ended else "end"
        except BaseException as error:
            self.told(stream, error)
            self.raise_signal(error)

    def do_subscribe(self, action: Any, token: str) -> None:  # type: ignore[override]
        peer = self.peer(action)
        if peer is None:
            return
        feed = self.begin_feed(action, token)
        try:
            end_ms = self.world.now_ms + action["for_ms"]
            with peer.subscribe(action["topic"], queue=feed.queue) as readings:
                feed.renewed = True
                feed.stop = readings.close
                for reading in readings:
                    feed.take(reading)
                    if self.world.now_ms >= end_ms or not feed.on:
                        break
                    if action["ms"]:
                        threads.sleep(action["ms"] / 1000)
        except BaseException as error:
            self.told(feed, error)
            self.raise_signal(error)
        feed.outcome = feed.outcome or "closed"

    def do_read(self, action: Any, token: str) -> None:  # type: ignore[override]
        peer = self.peer(action)
        if peer is None:
            return
        try:
            if action["mode"]:
                peer.call(*action["mode"], timeout_s=5)
            else:
                peer.read("temperature", timeout_s=5)
        except Exception as error:
            if type(error).__name__ not in ODD:
                self.on_error("read", error)

    def publish(self, action: Any) -> None:
        with self.numbering:  # several threads publish: number and item go together
            super().publish(action)

    def send(self, topic: str, value: Any) -> None:
        board = self.board
        if board is None:
            self.node.publish(topic, value)
            return
        try:
            board.publish(topic, value)
        except self.kit.errors.LinkError:
            if not self.leaving:  # which closes it
                raise
