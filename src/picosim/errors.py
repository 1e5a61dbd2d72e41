"""What goes wrong, as it is told to people.

PicosimError
|- WrongInput              a file that describes no world, or is no firmware
|- BoardFailed             a board could not be started, or ended unexpectedly
|- InterpreterMissing      no MicroPython that a virtual board could run
|  `- EmulatorMissing      the emulated RP2040 is not installed
`- BluetoothMissing        the simulated Bluetooth could not be started
"""


class PicosimError(Exception):
    """The message says what is wrong and what to do."""


class WrongInput(PicosimError, ValueError):
    """A file is not what it has to be."""


class BadWorld(WrongInput):
    """The file does not describe a world; the message says where and what is possible there."""


class FirmwareUnknown(WrongInput):
    """The file is no firmware that can be run here; the message says why, and what to do."""


class BoardFailed(PicosimError, RuntimeError):
    """A virtual board could not be started, or ended unexpectedly."""


class InterpreterMissing(PicosimError, RuntimeError):
    """There is no MicroPython here that a virtual board could run."""


class EmulatorMissing(InterpreterMissing):
    """The emulated RP2040 is not installed."""


class BluetoothMissing(PicosimError, RuntimeError):
    """The simulated Bluetooth could not be started; the message says why."""
