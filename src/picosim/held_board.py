"""What a world holds of any board: its process, power, cable and port, and what it printed."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from picosim.base import announce
from picosim.base.child import Child
from picosim.base.lines import Message
from picosim.errors import BoardFailed
from picosim.runner.output import rest_of_line

if TYPE_CHECKING:
    from picosim.world import World


class HeldBoard:
    """One board of a world, which runs in a process of its own (its supervisor).

    `usb_path` is what pyserial or mpremote open (the same over resets); `address` is its loopback
    address; `unique_id` the 8 bytes of `machine.unique_id()`.
    """

    _module = "picosim.runner.supervisor"
    """Whose `main()` is the process."""
    flash_kb = 848
    """What it has for files."""

    def __init__(self, world: World, name: str, address: str) -> None:
        self.world = world
        self.name = name
        self.address = address
        self.usb = "rp2"
        self.unique_id = hashlib.sha256(f"{world.seed}/{name}".encode()).digest()[:8]
        self.directory = world.directory / name
        self.directory.mkdir()
        self.usb_path = str(self.directory / "usb")
        self._process: Child | None = None
        self._announcement: Path | None = None
        self._changed = threading.Condition()
        self._state = "off"
        self._resets = 0
        self._plugged = True
        self._said: Any = None
        self._log_text = ""

    def __repr__(self) -> str:
        return f"<virtual board {self.name}: {self.state}, {self.usb_path}, {self.address}>"

    def _config(self) -> dict[str, Any]:
        """What the process is told at its start."""
        raise NotImplementedError

    def _introduce(self) -> None:
        """Tells the process, in the world's thread, what is around the board."""

    # -- life

    def start(self, timeout_s: float = 10) -> None:
        """Start it: power and USB cable in. Returns once `usb_path` is there."""
        if self._process:
            return
        config = {
            "usb_path": self.usb_path,
            "unique_id": self.unique_id.hex(),
            "address": self.address,
            "plugged": self._plugged,
            "flash": str(self.directory / "flash.img"),
            **self._config(),
        }
        self._state = "starting"
        self._process = Child(
            self.world.loop, self._module, config, self.directory / "stderr", self._received,
            self._lost, changed=self._changed,
        )  # fmt: skip
        self.world.loop.call(self._introduce)
        with self._changed:
            done = self._changed.wait_for(lambda: self._state != "starting", timeout_s)
        if not done or self._state == "failed":
            self.kill()
            raise BoardFailed(f"the virtual board {self.name} did not start: {self._why()}")
        self._announce(True)

    def kill(self) -> None:
        """End the board's processes at once, as if it had never been there."""
        self._announce(False)
        self.world.loop.call(self._power_lost)
        process, self._process = self._process, None
        if process:
            process.kill()
            self.world.loop.call(self._darken)
        Path(self.usb_path).unlink(missing_ok=True)
        self._set_state("off")

    def power_off(self) -> None:
        """Take the power away: no goodbye on any link."""
        self._announce(False)
        self._ask("off", "power", False)

    def power_on(self) -> None:
        """Apply power again; the flash is as it was."""
        if self._process is None:
            self.start()
            return
        self._ask("running", "power", True)
        self._announce(self._plugged)

    def reset(self) -> None:
        """Press RUN: a hard reset. Returns when the board boots."""
        self._ask("reset", "reset")

    def unplug(self) -> None:
        """Pull the USB cable out; the board runs on (it is powered otherwise)."""
        if self.usb != "rp2":
            raise ValueError('only a board with usb="rp2" can be unplugged')
        self._plugged = False
        self._announce(False)
        self._settle("plug", False)

    def plug(self) -> None:
        """Put the USB cable in again."""
        self._plugged = True
        self._settle("plug", True)
        self._announce(self._state != "off")

    @property
    def process_id(self) -> int:
        """Of the board's supervisor, whose child the interpreter is; 0 while it has none."""
        return self._process.pid if self._process else 0

    @property
    def state(self) -> str:
        """off, booting, reset, up (boot.py), main, repl, deepsleep, bootloader or crashed."""
        return self._state

    def wait_ready(self, timeout_s: float = 20) -> None:
        """Wait until `main.py` runs, or the REPL if there is none."""
        self.wait_state("main", "repl", timeout_s=timeout_s)

    def wait_state(self, *states: str, timeout_s: float = 20) -> None:
        """Wait until the board is in one of these states; raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._state in states, timeout_s):
                raise TimeoutError(
                    f"{self.name} was not {' or '.join(states)} within {timeout_s} s, but "
                    f"{self._state}; what it printed last:\n{self.log_text()[-800:]}"
                )

    def log_text(self) -> str:
        """The last 64 kB of what it printed, read by anybody or not (usb="rp2" only)."""
        self._printed("")
        return self._log_text

    def wait_printed(self, what: str, timeout_s: float = 20) -> str:
        """Wait until it has printed a line with `what` in it; returns what follows it there.
        Raises TimeoutError."""
        text = self._printed(what, timeout_s)
        rest = rest_of_line(text, what) if text is not None else None
        if rest is None:
            raise TimeoutError(
                f"{self.name} did not print {what!r} within {timeout_s} s; what it printed last:\n"
                f"{self.log_text()[-800:]}"
            )
        return rest

    def _printed(self, what: str, timeout_s: float = 20) -> str | None:
        """What it printed, once there is a line with `what` in it."""
        process = self._process
        if process is None:
            return None
        try:
            self._log_text = str(process.ask("log", what, timeout_s=timeout_s))
        except TimeoutError:
            return None
        return self._log_text

    def _announce(self, there: bool) -> None:
        # Host tools find a board that hangs at a cable, and no other.
        if self._announcement:
            self._announcement.unlink(missing_ok=True)
            self._announcement = None
        if there and self._process:
            about = {
                "name": self.name,
                "unique_id": self.unique_id.hex(),
                "usb_path": self.usb_path,
                "address": self.address,
                "pid": self._process.pid,
            }
            self._announcement = announce.announce(about)

    # -- talking to its supervisor

    def tell(self, *message: Any) -> None:
        """Send a message; in the world's thread only."""
        process = self._process  # which another thread may end just now
        if process:
            process.tell(*message)

    def _send(self, *message: Any) -> None:
        self.world.loop.post(lambda: self.tell(*message))

    def _settle(self, *message: Any) -> None:
        self._send(*message)
        self.log_text()  # which comes when all that it was told before is done

    def _ask(self, until: str, *message: Any, timeout_s: float = 20) -> None:
        resets = self._resets
        self._send(*message)

        def reached() -> bool:
            if until == "off":
                return self._state == "off"
            # The states in between can be too short to be seen.
            return self._state not in ("off", "reset") and (
                until == "running" or self._resets > resets
            )

        with self._changed:
            if not self._changed.wait_for(reached, timeout_s):
                raise BoardFailed(f"{self.name} did not obey: {self._why()}")

    def _received(self, message: Message) -> None:
        kind = message[0]
        if kind == "state":
            if message[1] in ("reset", "off", "crashed", "deepsleep", "bootloader"):
                self._darken()
            self._set_state(message[1])
        elif kind == "no flash":
            self._said = message[1]
        elif kind == "started":
            self._set_state("booting" if self._state == "starting" else self._state)

    def _power_lost(self) -> None:
        """In the world's thread: its radio is silent from now on."""

    def _darken(self) -> None:
        """In the world's thread: it drives nothing any more."""

    def _set_state(self, state: str) -> None:
        with self._changed:
            self._resets += state == "reset"
            self._state = state
            self._changed.notify_all()

    def _lost(self) -> None:
        self._set_state("failed")

    def _why(self) -> str:
        if self._said:
            return f"its files don't fit into its flash of {self.flash_kb} kB ({self._said[-1]})"
        log = self.directory / "stderr"
        said = log.read_text().strip() if log.exists() else ""
        return said or f"it is {self._state}"
