"""What a link may be able to do beyond `base.Link`, one Protocol for each ability. Host only.

No link inherits these: it has an ability by having all that its Protocol names. On the host,
`isinstance` asks for one. A board has no `typing`, so code for both interpreters asks by `hasattr`
or `getattr`, and names the Protocol beside it. `tests/links/test_abilities.py` holds both to it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from ...node.node import Node
    from ..base import Link
    from ..usb.identify import Found


@runtime_checkable
class Stoppable(Protocol):
    """What `watch` returns."""

    def stop(self) -> None:
        """Ends the watch. It comes before the link's `close`."""


@runtime_checkable
class Watching(Protocol):
    """Looks for what has come in a way of its own, instead of by its `pollable`.

    The driver of a link calls it (node/driver.py), once, before anything else.
    """

    def watch(self, node: Any, callback: Callable[[], None]) -> Stoppable:
        """Has the node call `callback` whenever there is something to receive, or room to send,
        until what it returns is stopped. An error here means that the link is not served."""


@runtime_checkable
class Listener(Protocol):
    """Is dialed by others, and makes a link of each who does. It is no link itself.

    Opened by a scheme whose name ends in `-listen` or the like, and served by
    node/connections.py.
    """

    address: str  # what opened it, as the user writes it

    def watch(self, node: Any, callback: Callable[[], None]) -> Stoppable:
        """Has the node call `callback` when somebody dials, until what it returns is stopped.
        CannotConnect where the node lacks what the listener serves."""

    def accept(self) -> Link | None:
        """The link of whoever has dialed, or None. It never waits. OSError where the system has
        no room for one more: the node then closes an old connection, or tries again in 1 s."""

    def close(self) -> None:
        """Listens no more; a second time is no error."""


@runtime_checkable
class Reporting(Protocol):
    """A listener that others reach only while something else is there, such as a broker.

    `sys.describe` reads it (node/services/describe.py).
    """

    state: str  # "connected", or why not, in words


@runtime_checkable
class Unopened(Protocol):
    """What a program has made itself and gives to `Node.run` in place of an address.

    node/opening.py serves it as a listener once it is open.
    """

    address: str

    def open(self, node: Node) -> None:
        """Begins to connect for `node`, and goes on in the background."""


@runtime_checkable
class Reopening(Protocol):
    """Waits for whoever comes next after it was lost: a port, which nobody opens again by dialing.

    The driver calls it for a link that a node serves (node/driver.py).
    """

    def reopen(self) -> Link:
        """The link anew, or what stands for it meanwhile. Any error is reported to the node, and
        it is tried again after `TIMES["retry_max"]` milliseconds."""


@runtime_checkable
class Restartable(Protocol):
    """Can start the program at the other end anew.

    `picolink.connect(..., start=True)` calls it (node/host/threaded_client.py), before it greets.
    """

    def restart(self, timeout_s: float = 3) -> None:
        """Stops whatever runs there, and starts it from its beginning. May wait `timeout_s`
        seconds for each prompt. CannotConnect where that does not stop it; LinkError where the
        link is gone."""

    def close(self) -> None:
        """Closes the link, as `base.Link` has it: what comes next where `restart` has failed."""


@runtime_checkable
class Diagnosable(Protocol):
    """Can tell what is at the other end instead of a node.

    `picolink.connect` asks where nobody has answered for 1.5 s, and when its time is over
    (node/host/threaded_client.py).
    """

    def diagnose(self, heard: bytes, wait: Callable[[int], bytes]) -> Found:
        """What is there. `heard` came since our hello; `wait(milliseconds)` gives what comes
        next. LinkError where the link is gone."""


@runtime_checkable
class Pausable(Protocol):
    """Can leave its medium for a while by itself, with nobody at the other end asked to be quiet.

    `Node.quiet` calls both, on links and listeners, around a flash write
    (node/features/quiet.py).
    """

    def pause(self) -> None:
        """Answers no more. A second time is no error."""

    def resume(self) -> None:
        """Answers again. OSError where the port can't be opened again."""


@runtime_checkable
class Shared(Protocol):
    """A wire for both: a node that serves it, and dials on it too, has the link once.

    A peer of the node looks for such a link before it opens another (node/client/peer.py).
    """

    shared: bool


@runtime_checkable
class Counting(Protocol):
    """Counts what came damaged, and was dropped; `sys.stats` adds it up
    (node/services/stats.py)."""

    @property
    def damaged(self) -> int:
        """Frames, since the link was opened."""


@runtime_checkable
class Stalling(Protocol):
    """May hold packets up for long without losing any. The driver tells the core, which then is
    slower to send them again (node/driver.py)."""

    stalls: int  # so many times as long as elsewhere a packet may take; 1 without this


@runtime_checkable
class Paced(Protocol):
    """A `pollable` whose system takes bytes faster than the wire carries them.

    Whoever polls for a blocking program asks before it waits for room (node/host/loop_thread.py).
    """

    def later_ms(self) -> int:
        """In how many milliseconds more should be written; 0 or less: now."""
