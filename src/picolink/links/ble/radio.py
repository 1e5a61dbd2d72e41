"""The board's Bluetooth: one for all that use it, with one handler of its events."""

from asyncio import Lock

from micropython import schedule

from ..ctrl_c import ctrl_c
from .advertising import HEAD_BYTES, LARGEST_BYTES

MYPY = False
if MYPY:
    from typing import Any

# Events (`_IRQ_...` in MicroPython's documentation of `bluetooth`).
CENTRAL_CONNECT = 1
CENTRAL_DISCONNECT = 2
GATTS_WRITE = 3
SCAN_RESULT = 5
SCAN_DONE = 6
PERIPHERAL_CONNECT = 7
PERIPHERAL_DISCONNECT = 8
CHARACTERISTIC_RESULT = 11
CHARACTERISTIC_DONE = 12
DESCRIPTOR_RESULT = 13
DESCRIPTOR_DONE = 14
WRITE_DONE = 17
NOTIFY = 18
MTU_EXCHANGED = 21

_radio: "Radio | None" = None


class Radio:
    """`bluetooth.BLE()`, switched on. Events go to whom they concern, by `heard(event, data)`:
    inside the interrupt, so that no write is overwritten by the next one."""

    def __init__(self) -> None:
        try:
            from bluetooth import BLE, UUID
        except ImportError:
            from .refusal import cannot

            raise cannot("firmware") from None
        self.ble: Any = BLE()
        self.uuid: Any = UUID
        self.lock = Lock()  # of whoever scans and connects
        self.peripheral: Any = None  # hears of centrals
        self.central: Any = None  # hears of the scan, and of what it is connected to
        self.owners: dict[int, Any] = {}  # connection -> who hears of it
        self.ble.irq(self._irq)
        self.ble.active(True)
        self.ble.config(mtu=LARGEST_BYTES + HEAD_BYTES)

    def _irq(self, event: int, data: "Any") -> None:
        if event == CENTRAL_CONNECT:
            owner = self.peripheral
        elif SCAN_RESULT <= event <= PERIPHERAL_CONNECT:
            owner = self.central
        else:
            # One that was never connected has no owner yet: whoever tries hears of it.
            owner = self.owners.get(data[0], self.central)
        try:
            if owner is not None:
                owner.heard(event, data)
        except KeyboardInterrupt:  # the program's
            schedule(ctrl_c, None)


def radio() -> Radio:
    """The only one."""
    global _radio
    if _radio is None:
        _radio = Radio()
    return _radio
