"""One connection to a broker: packets in and out, one write each, and whether it still lives."""

import asyncio

from .clock import diff_ms, now_ms
from .packets import PINGREQ, PINGRESP, Decoder

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any

    from .unacked import Publish

_TURNS = 8  # reads, or pieces of a large message, before other tasks have their turn
_PIECE_BYTES = 512
_JOINED_BYTES = 1024
_OWED_BYTES = 4096  # of unsent acknowledgements: a broker that does not read them is left

#: Times in milliseconds, which tests scale.
TIMES = {
    "answer": 10000,  # for a broker to answer a connection, or a sign of life that was asked for
    "retry": 500,  # the first wait before connecting again; doubles up to retry_max, with jitter
    "retry_max": 8000,
    "brief": 5000,  # a connection that the broker ends sooner may be one of two with one id
}


class Body:
    """The payload of a large message, read from a file or the like while it is sent."""

    def __init__(
        self, publish: "Publish", size: int, on_fail: "Callable[[Publish, Exception], object]"
    ) -> None:
        self._publish = publish
        self._source = publish.body
        self._left = size
        self._on_fail = on_fail
        self._buffer = memoryview(bytearray(_PIECE_BYTES))

    def next(self) -> "memoryview | None":
        """The next piece; None at the end. OSError where the source fails: the message that was
        begun can't be ended then, nor the connection go on."""
        if not self._left:
            return None
        try:
            n = self._source.readinto(self._buffer[: min(self._left, _PIECE_BYTES)])
            if not n:
                raise OSError("what was to be sent ended %d bytes too soon" % self._left)
        except Exception as error:
            self._on_fail(self._publish, error)
            raise OSError("what was to be sent can't be read: %s" % error) from None
        self._left -= n
        return self._buffer[:n]


class Connection:
    """An open connection. `on_packet` gets first byte and body of what comes; once it is lost `why`
    says why."""

    def __init__(
        self, wire: "Any", limit_bytes: int, keepalive_s: int,
        on_packet: "Callable[[int, Any], object]", on_room: "Callable[[], object]",
    ) -> None:  # fmt: skip
        self.ended = asyncio.Event()
        self.why = ""
        self.by_peer = False  # the broker ended it, without a word
        self.welcome = False  # the broker has taken us
        self.unsent_bytes = 0
        self._wire = wire
        self._decoder = Decoder(limit_bytes)
        self._on_packet = on_packet
        self._on_room = on_room
        self._unsent: list[Any] = []
        self._owed_bytes = 0
        self._began_ms = self._sent_ms = self._heard_ms = now_ms()
        self._asked = True  # for a sign of life: what is sent first is answered
        self._asked_ms = self._sent_ms
        self._quiet_ms = keepalive_s * 750  # three quarters of what the broker was promised
        wire.watch(self._on_readable)

    # Receiving

    def _on_readable(self) -> bool:
        """Takes what has come; True asks to be called again."""
        wire = self._wire
        try:
            for _ in range(_TURNS):
                data = wire.read()
                if data is None:
                    return False
                if not data:
                    self.by_peer = True
                    self.lose("the broker closed the connection")
                    return False
                self._heard_ms = now_ms()
                for first, body in self._decoder.feed(data):
                    if first == PINGRESP:
                        self._asked = False
                    else:
                        self._on_packet(first, body)
                    if self.why:
                        return False
                if not wire.more:
                    return False
        except OSError as error:
            self.by_peer = True
            self.lose("the connection broke: %s" % error)
            return False
        except Exception as error:  # or no memory: nobody would read any more
            is_no = "is no MQTT of a broker" if isinstance(error, ValueError) else "can't be taken"
            self.lose("what came %s: %s" % (is_no, error))
            return False
        return True

    # Sending

    def send(self, data: "Any") -> None:
        """Sends a packet, in one write; or a Body, piece by piece."""
        if self.why:
            return
        if isinstance(data, Body):
            self._unsent.append(data)
            if len(self._unsent) == 1:
                self._flush()
            return
        if self._unsent:
            self._keep(data)
            return
        try:
            n = self._wire.write(data)
        except OSError as error:
            self.lose("the connection broke: %s" % error)
            return
        if n:
            self._sent_ms = now_ms()
        if n < len(data):
            self._keep(data[n:] if n else data)
            self._wire.on_writable(self._flush)

    def answer(self, data: bytes) -> None:
        """Sends an acknowledgement; a broker that takes none is left."""
        if self._unsent:
            self._owed_bytes += len(data)
            if self._owed_bytes > _OWED_BYTES:
                self.lose("the broker does not read what it is sent")
        self.send(data)

    def busy(self) -> bool:
        """Whether something waits to be sent."""
        return bool(self._unsent) and not self.why

    def full(self, n: int, most_bytes: int) -> bool:
        """Whether so much waits that `n` bytes more are above `most_bytes`."""
        return bool(self._unsent) and self.unsent_bytes + n > most_bytes

    def _keep(self, data: bytes) -> None:
        unsent = self._unsent
        self.unsent_bytes += len(data)
        # What was offered to TLS once must stay as it is: nothing is joined to the first.
        if len(unsent) > 1 and isinstance(unsent[-1], bytes) and len(unsent[-1]) < _JOINED_BYTES:
            unsent[-1] += data
        else:
            unsent.append(data)

    def _flush(self) -> None:
        """Goes on with what was unsent."""
        unsent = self._unsent
        turns = _TURNS
        try:
            while unsent and not self.why:
                data = unsent[0]
                if isinstance(data, Body):
                    piece = data.next()
                    if piece is None:
                        unsent.pop(0)
                        continue
                    unsent.insert(0, piece)
                    self.unsent_bytes += len(piece)
                    data = piece
                n = self._wire.write(data)
                self.unsent_bytes -= n
                turns -= 1
                if n < len(data):
                    if n:
                        unsent[0] = data[n:]
                    turns = 0
                else:
                    unsent.pop(0)
                if not turns and unsent:
                    self._wire.on_writable(self._flush)
                    return
        except OSError as error:
            self.lose("the connection broke: %s" % error)
            return
        self._owed_bytes = 0
        self._sent_ms = now_ms()
        self._on_room()

    # Living

    def welcomed(self) -> None:
        """The broker has taken us: from now on only silence is suspect."""
        self.welcome = True
        self._asked = False
        self.ended.set()  # `serve` looks anew

    def tick(self) -> int:
        """Asks for a sign of life where it is due; returns after how many milliseconds to look
        again."""
        now = now_ms()
        wait_ms = quiet_ms = self._quiet_ms or 3_600_000
        if self._asked:
            wait_ms = TIMES["answer"] - diff_ms(now, self._asked_ms)
            if wait_ms <= 0:
                self.lose(
                    "the broker does not answer" if self.welcome
                    else "whoever is there does not answer: is it an MQTT broker, and its port?"
                )  # fmt: skip
        if self.welcome:
            # While it is asked, too: a broker wants a packet in each interval, whoever is slow.
            silent_ms = diff_ms(now, self._sent_ms)
            if not self._asked:
                silent_ms = max(silent_ms, diff_ms(now, self._heard_ms))
            if silent_ms >= quiet_ms:
                self.send(PINGREQ)
                silent_ms = 0
                if not self._asked:
                    self._asked = True
                    self._asked_ms = now
                    wait_ms = TIMES["answer"]
            wait_ms = min(wait_ms, quiet_ms - silent_ms)
        return max(1, int(wait_ms))

    async def serve(self) -> None:
        """Looks after it until it is lost."""
        while not self.why:
            self.ended.clear()
            try:
                await asyncio.wait_for(self.ended.wait(), self.tick() / 1000)
            except asyncio.TimeoutError:
                pass

    def age_ms(self) -> int:
        """For how long it has been there."""
        return int(diff_ms(now_ms(), self._began_ms))

    def lose(self, why: str) -> None:
        """It is over."""
        if not self.why:
            self.why = why
            self.ended.set()

    def close(self) -> None:
        """Closes it."""
        self.lose("closed here")
        self._wire.close()
