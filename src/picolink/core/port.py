"""One open link, as the core sees it."""

from .seldom import seldom, starting

MYPY = False
if MYPY:
    from collections.abc import Callable

    from .attach import Attach
    from .dialer import Dialer


class Port:
    """One open link as the core sees it. `mtu_bytes`: the largest packet it carries; `takes_bytes`:
    the largest that we want to receive on it; `window_bytes`: so many unacknowledged, 0: as many
    as the node takes."""

    lost = False  # its link is gone: nobody is greeted here any more

    @starting
    def __init__(self, mtu_bytes: int, takes_bytes: int = 0, window_bytes: int = 0) -> None:
        self.mtu_bytes = mtu_bytes
        self.takes_bytes = takes_bytes or mtu_bytes
        self.window_bytes = window_bytes
        self.stalls = 1  # so many times as long as elsewhere packets may take, and not be lost
        self.prompt_bytes = 0  # received, and an acknowledgement is due at once
        self.wake: Callable[[], object] = int  # something was queued: it is to be sent soon
        self.drain: Callable[[], object] = int  # it is to be sent now
        self.attach: Attach | None = None
        self.other: Attach | None = None  # where both sides dialed: each has a session of its own
        self.echoes = False  # our own hello came back
        self.quiet_until_ms = 0  # the peer asked for silence, since it can't listen
        self.on_quiet: Callable[[], object] = int  # the peer says nothing from now on
        self.answered: Attach | None = None  # by a hello; not confirmed yet
        self.dialer: Dialer | None = None
        self.queue: list[bytes] = []  # hellos and the like, ahead of all else
        self.pieces: list[bytes] = []  # of the hello that arrives
        self.piece_of = -1

    @starting
    def bear(self, attach: "Attach") -> None:
        """One more attach; one that was dialed from the same side has been let go."""
        if self.attach is not attach:
            self.other = self.attach
            self.attach = attach

    @seldom
    def drop(self, attach: "Attach") -> None:
        """This attach is over."""
        if self.other is attach:
            self.other = None
        elif self.attach is attach:
            self.attach = self.other
            self.other = None

    @seldom
    def find(self, tag: int) -> "Attach | None":
        """The attach in whose packets we put `tag`."""
        for attach in (self.attach, self.other):
            if attach is not None and attach.peer_tag == tag:
                return attach
        return None
