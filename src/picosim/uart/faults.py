"""What goes wrong on a UART's wires."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class UartFaults:
    """How bad the wires of a UART are; the same seed and bytes give the same faults."""

    flipped: float = 0
    """Share of the bytes of which one bit arrives wrong."""
    lost: float = 0
    """Share of the bytes that don't arrive."""
    cuts_per_s: float = 0
    """Interruptions of all wires, this many a second on average."""
    cut_ms: float = 50
    """How long such an interruption lasts."""
    swapped: bool = False
    """TX hangs at TX and RX at RX: nobody hears anything."""
    no_ground: bool = False
    """The ground wire is missing: nothing that can be told from silence arrives."""
    echo: bool = False
    """All that an end sends comes back to it as well (TX and RX touch, or a half-duplex cable)."""
    cable_baud: int = 0
    """A cable too long for higher rates than this: what is sent faster arrives smeared; 0: any."""
    baud: int = 0
    """What a host's end works at, whatever its program has set; 0: as set."""
    login: bool = False
    """A login shell holds the host's port too: it takes what the program does not get, and
    answers."""
