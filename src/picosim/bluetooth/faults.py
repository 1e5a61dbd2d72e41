"""What is wrong with the air, and how signals get weaker with distance."""

from __future__ import annotations

import math
from dataclasses import dataclass

AT_ONE_METRE_DBM = -50
WEAK_DBM = -85
"""Below this packets get lost."""
DEAF_DBM = -95
"""Below this nothing is heard: 178 m of free space."""


@dataclass(frozen=True)
class BluetoothFaults:
    """What is wrong with the air, and what pace it has."""

    lost_reports: float = 0
    """The share of advertisements that a scanner does not hear, 0 to 1."""
    lost_packets: float = 0
    """The share of packets within connections that have to be sent again, 0 to 1."""
    packets_per_interval: int = 4
    """So many packets, of at most 251 bytes each, go either way in a connection interval."""
    interval_ms: float = 0
    """The interval of new connections; 0: the longest that the central allows."""
    notify_queue: int = 16
    """So many notifications of a board wait for the radio; the next is refused with ENOMEM."""

    def __post_init__(self) -> None:
        for name in ("lost_reports", "lost_packets"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}={getattr(self, name)}: a share is from 0 to 1")
        if self.packets_per_interval < 1 or self.notify_queue < 1:
            raise ValueError("packets_per_interval and notify_queue are at least 1")
        if self.interval_ms and not 7.5 <= self.interval_ms <= 4000:
            raise ValueError("a connection interval is from 7.5 to 4000 ms")


def rssi_dbm(a: tuple[float, float], b: tuple[float, float]) -> int:
    """How strong the signal is between two places, in metres; nothing is in between."""
    return round(AT_ONE_METRE_DBM - 20 * math.log10(max(math.dist(a, b), 0.05)))


def loss(rssi: int) -> float:
    """The share of packets that get lost at that strength."""
    if rssi >= WEAK_DBM:
        return 0
    return 1 if rssi <= DEAF_DBM else (WEAK_DBM - rssi) / (WEAK_DBM - DEAF_DBM)
