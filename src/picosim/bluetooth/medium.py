"""The radio: who hears whom. All controllers of a world are on one bumble link."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from bumble.link import LocalLink

from picosim.bluetooth import faults
from picosim.bluetooth.faults import BluetoothFaults

if TYPE_CHECKING:
    from picosim.bluetooth.connection import AirConnection
    from picosim.bluetooth.controller import SimController


class Radio(LocalLink):
    """Passes advertisements on, and keeps the connections."""

    def __init__(self, seed: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.faults = BluetoothFaults()
        self.rng = random.Random(seed)
        self.here: list[SimController] = []  # in the order in which they came, unlike a set
        self.connections: set[AirConnection] = set()
        self._retiring: set[SimController] = set()

    def join(self, controller: SimController) -> None:
        """A controller has power."""
        self.here.append(controller)
        self.add_controller(controller)

    def retire(self, controller: SimController) -> None:
        """A controller is switched off: it says goodbye, and leaves once that was heard."""
        controller.say_goodbye()
        self._retiring.add(controller)
        self.ended()

    def ended(self) -> None:
        """A connection has: who waited for that leaves."""
        busy = {end.controller for connection in self.connections for end in connection.ends}
        for controller in list(self._retiring - busy):
            self.leave(controller)

    def leave(self, controller: SimController) -> None:
        """A controller is without power at once: nobody is told."""
        self._retiring.discard(controller)
        if controller in self.here:
            self.here.remove(controller)
            self.remove_controller(controller)
        controller.le_legacy_advertiser.stop()
        controller.le_scan_enable = False
        controller.pending_le_connection = None
        for connection in list(self.connections):
            connection.gone(controller)

    def changed(self) -> None:
        """Somebody has moved, or something else is wrong now."""
        for connection in list(self.connections):
            connection.look()

    def rssi(self, a: SimController, b: SimController) -> int:
        """How strong the one hears the other, in dBm."""
        return faults.rssi_dbm(a.place, b.place)

    def hears(self, a: SimController, b: SimController) -> bool:
        """Whether anything of the one arrives at the other."""
        return a in self.here and b in self.here and self.rssi(a, b) > faults.DEAF_DBM

    def lost(self, a: SimController, b: SimController, share: float) -> bool:
        """Whether a packet gets lost now: `share` of them do, and more where it is far."""
        share = max(share, faults.loss(self.rssi(a, b)))
        return share > 0 and self.rng.random() < share

    def advertised(self, sender: SimController, kind: int, data: bytes, response: bytes) -> None:
        """An advertisement is in the air; who listens just now hears it."""
        now = asyncio.get_running_loop().time()
        for receiver in list(self.here):
            if receiver is sender or not receiver.listens(now):
                continue
            if self.hears(sender, receiver):
                if not self.lost(sender, receiver, self.faults.lost_reports):
                    receiver.heard(sender, kind, data, response)
                    if not sender.le_legacy_advertiser.enabled:
                        return  # it was a connection that came of it
