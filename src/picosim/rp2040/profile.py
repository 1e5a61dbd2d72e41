"""Where the core's time goes: its program counter, looked at every few microseconds."""

from __future__ import annotations

import bisect
import subprocess
from collections import Counter
from pathlib import Path

from picosim.rp2040.chip import Chip


class Profile:
    """Looks at a chip's program counter every `every_us` of its time, while it works; a context
    manager. `counts` has the addresses, without the bit for Thumb."""

    def __init__(self, chip: Chip, every_us: float = 5) -> None:
        self.counts: Counter[int] = Counter()
        self._chip = chip
        self._every_ns = every_us * 1000
        self._on = False

    def __enter__(self) -> Profile:
        self._on = True
        self._alarm = self._chip.clock.create_alarm(self._look)
        self._alarm.schedule(self._every_ns)
        return self

    def __exit__(self, *_: object) -> None:
        self._on = False

    def _look(self) -> None:
        if self._on:
            core = self._chip.rp2040.core
            if not core.waiting:
                self.counts[core.pc & ~1] += 1
            self._alarm.schedule(self._every_ns)

    def functions(self, elf: Path) -> list[tuple[str, float]]:
        """(function, its share) by the symbols of an .elf, the largest first."""
        listed = subprocess.run(
            ["nm", "-n", "--defined-only", str(elf)], capture_output=True, text=True, check=True
        )
        names = []
        for line in listed.stdout.splitlines():
            address, kind, name = line.split(" ", 2)
            if kind in "tTwW" and name[0] != "$":
                names.append((int(address, 16) & ~1, name))
        starts = [start for start, _ in names]
        found: Counter[str] = Counter()
        for at, count in self.counts.items():
            where = bisect.bisect_right(starts, at) - 1
            found[names[where][1] if where >= 0 else "?"] += count
        whole = sum(found.values()) or 1
        return [(name, count / whole) for name, count in found.most_common()]
