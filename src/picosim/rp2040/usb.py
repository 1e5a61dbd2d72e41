"""USB as a host and a Pico speak it: the host waits while the board has no room, and the board
while nobody reads.

The emulator's own host hands over each packet at once, an empty one where it has none, so that the
core is never idle; and what it takes it takes without end.
"""

from __future__ import annotations

from collections.abc import Callable

from rp2040py.peripherals.usb import RPUSBController
from rp2040py.rp2040 import RP2040
from rp2040py.usb.cdc import CDC_DTR, CDC_RTS, USBCDC

BASE = 0x50110
"""Of the USB block, as the emulator counts."""
PACKET_BYTES = 64
TOKEN_US = 10
"""Token, handshake and the pauses between them of a bulk transaction."""
US_PER_BYTE = 8 / 12
"""At 12 Mbit/s."""
_FIRST_BUFFER_CONTROL, _LAST_BUFFER_CONTROL = 0x080, 0x0FC
_OUT = 4  # the bit in the address of a buffer's control word
_AVAILABLE, _FULL, _LENGTH = 1 << 10, 1 << 15, 0x3FF
_SECOND_SHIFT = 16
_DOUBLE_BUFFERED = 1 << 30


def wire_ns(count: int) -> int:
    """Nanoseconds that a packet of `count` bytes is on the wire."""
    return int((TOKEN_US + US_PER_BYTE * count) * 1000)


class UsbBlock(RPUSBController):
    """The RP2040's USB block (RP2040 data sheet, 4.1), whose bulk IN packets stay where they are
    until the host takes them."""

    def __init__(self, chip: RP2040, host_takes: Callable[[], bool]) -> None:
        super().__init__(chip, "USB")
        self._host_takes = host_takes
        self._ready: dict[int, int] = {}  # endpoint: where its control word is
        self._on_wire = False
        self._alarm = chip.clock.create_alarm(self._next)

    def reset(self) -> None:
        super().reset()
        self._ready.clear()

    def forget(self) -> None:
        """What was ready for the host is so no more."""
        self._ready.clear()

    def dpram_updated(self, offset: int, value: int) -> None:
        endpoint = (offset - _FIRST_BUFFER_CONTROL) >> 3
        if (
            _FIRST_BUFFER_CONTROL < offset <= _LAST_BUFFER_CONTROL
            and endpoint
            and not offset & _OUT
        ):
            if value & _AVAILABLE or value >> _SECOND_SHIFT & _AVAILABLE:
                self._ready[endpoint] = offset
                self.poll()
            return
        super().dpram_updated(offset, value)

    def poll(self) -> None:
        """The host asks for what is ready, if it can take it."""
        if self._ready and not self._on_wire and self._host_takes():
            endpoint, offset = next(iter(self._ready.items()))
            self._on_wire = True
            self._alarm.schedule(wire_ns(self._half(offset)[1] & _LENGTH))

    def _half(self, offset: int) -> tuple[int, int]:
        """Which of two buffers is next (its shift), and its half of the control word."""
        word = int.from_bytes(self.rp2040.usb_dpram[offset : offset + 4], "little")
        shift = 0 if word & _AVAILABLE else _SECOND_SHIFT
        return shift, word >> shift & 0xFFFF

    def _next(self) -> None:
        self._on_wire = False
        if not self._ready:
            return
        endpoint, offset = next(iter(self._ready.items()))
        del self._ready[endpoint]
        shift, half = self._half(offset)
        if half & _AVAILABLE:
            count = half & _LENGTH
            start = self._get_endpoint_buffer_offset(endpoint, False) + (64 if shift else 0)
            data = bytes(self.rp2040.usb_dpram[start : start + count])
            word = int.from_bytes(self.rp2040.usb_dpram[offset : offset + 4], "little")
            word &= ~((_AVAILABLE | _FULL) << shift)
            self.rp2040.usb_dpram[offset : offset + 4] = word.to_bytes(4, "little")
            control = self._read_endpoint_control_reg(endpoint, False)
            if not shift and control & _DOUBLE_BUFFERED and self._half(offset)[1] & _AVAILABLE:
                self._ready[endpoint] = offset  # told once both are gone
            else:
                self._indicate_buffer_ready(endpoint, False)
            if self.on_endpoint_write:
                self.on_endpoint_write(endpoint, data)
        self.poll()


class UsbHost(USBCDC):
    """The computer at the other end of the cable, with its driver of serial ports."""

    def __init__(
        self, chip: RP2040, received: Callable[[bytes], None], takes: Callable[[], bool]
    ) -> None:
        block = UsbBlock(chip, takes)
        chip.usb_ctrl = block
        chip.peripherals[BASE] = block
        self.block = block
        self.opened = False
        self.to_board = bytearray()
        self._wanted = 0  # bytes that the board has room for
        super().__init__(block)
        self.on_serial_data = lambda data: received(bytes(data)) if data else None
        control = block.on_endpoint_read

        def read(endpoint: int, size: int) -> None:
            if endpoint and endpoint == self._out_endpoint:
                self._wanted = size
                self._give()
            elif control:
                control(endpoint, size)

        block.on_endpoint_read = read

    def send(self, data: bytes) -> None:
        """Bytes for the board; what it has no room for waits here."""
        self.to_board += data
        self._give()

    def open(self, opened: bool) -> None:
        """A program opens or closes the port: DTR tells the board."""
        self.opened = opened
        if self._initialized:
            self._cdc_set_control_line_state(None)

    @property
    def connected(self) -> bool:
        """Whether the board has told what it is, and is a serial port now."""
        return bool(self._initialized and self._out_endpoint > 0)

    @property
    def is_drive(self) -> bool:
        """Whether it has told that it is something else than a port: the drive of BOOTSEL."""
        return bool(self._initialized and self._out_endpoint <= 0)

    def replug(self) -> None:
        """The cable is put in anew: the host resets the bus and asks the board what it is."""
        self._on_controller_reset()
        self.to_board.clear()
        self.block.forget()
        self.block.reset_device()

    def _cdc_set_control_line_state(
        self, value: int | None = None, interface_number: int | None = None
    ) -> None:
        if value is None:
            value = CDC_DTR | CDC_RTS if self.opened else 0
        super()._cdc_set_control_line_state(value, interface_number)

    def _give(self) -> None:
        if self._wanted and self.to_board:
            data = bytes(self.to_board[: min(self._wanted, PACKET_BYTES)])
            del self.to_board[: len(data)]
            self._wanted = 0
            self.usb.endpoint_read_alarms[self._out_endpoint].schedule(data, wire_ns(len(data)))

    def _on_controller_reset(self) -> None:
        super()._on_controller_reset()
        self._wanted = 0
