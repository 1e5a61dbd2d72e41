"""The words in which the examination of a link tells what it found. Host only.

Each link's folder may have a module `doctor` with

- `examine(where, options)`: yields a `Step` for each thing that it looked at, until one failed
  that makes looking further pointless;
  (`examine_at(address)` instead where the folder has several schemes);
- `around()`: the addresses of its kind that can be found without being told.

An examination leaves everything as it was found: it resets nothing and runs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, NamedTuple

from ...core.errors import BadAddress, PicolinkError
from ..registry import SCHEMES, load

if TYPE_CHECKING:
    from .probe import Greeting

OLDEST = (1, 22)  # MicroPython that has all that a node uses
NODE = "node"  # the kind of the step that found a node which answers


class Step(NamedTuple):
    """One thing that was looked at."""

    what: str  # as it should be: "the port /dev/ttyACM0 is there"
    ok: bool
    kind: str = ""  # what was found, in one or two words that stay the same: for programs
    why: str = ""  # what was found, and how likely; several possibilities in order of likelihood
    advice: str = ""  # what to do


def good(what: str, kind: str = "", why: str = "") -> Step:
    """All is well with that."""
    return Step(what, True, kind, why)


def bad(what: str, kind: str, why: str, advice: str) -> Step:
    """Something is wrong with that."""
    return Step(what, False, kind, why, advice)


def split_message(error: PicolinkError) -> tuple[str, str]:
    """What an error says happened, and what to do."""
    return sentence(error.why or str(error)), sentence(error.advice)


def split_told(text: str) -> tuple[str, str]:
    """The same of the text of an error at another node, which is all that comes over the wire:
    its first sentence, and the rest."""
    why, _, advice = text.partition(". ")
    if not advice:
        why, _, advice = why.partition(": ")
    return sentence(why), sentence(advice)


def sentence(text: str) -> str:
    """`text` with a capital and a full stop, but a path or a command as it is."""
    if text and text[-1] not in ".!?":
        text += "."
    return text[:1].upper() + text[1:]


def of_node(greeting: Greeting) -> Step:
    """A node that has answered; it may not talk to us."""
    name, why = greeting.name, greeting.refusal
    if not why:
        return good(f"a picolink node answers: {name}", NODE)
    what = f"the node {name} talks to us" if name else "the node talks to us"
    if greeting.other_version:
        return bad(
            what, "other protocol version", f"It refuses: {why}.",
            "Install the same picolink on both: `picolink install ADDRESS` renews the board's, "
            "`pip install --upgrade picolink` this computer's.",
        )  # fmt: skip
    return bad(
        what, "refused", f"It refuses: {why}.",
        "Close a program that is connected to it, or wait a minute: sessions without a link end.",
    )  # fmt: skip


def firmware(told: str) -> Step:
    """Whether the firmware ("MicroPython v1.28.0") is new enough."""
    what = f"the firmware is new enough: {told}"
    numbers = told.split()[-1].lstrip("v").partition("-")[0].split(".")[:2]
    version = tuple(int(number) for number in numbers if number.isdigit())
    if len(version) < 2 or version >= OLDEST:
        return good(what)
    oldest = ".".join(str(number) for number in OLDEST)
    return bad(
        what, "firmware too old", f"The board runs {told}; picolink needs {oldest} or newer.",
        "Copy the newest .uf2 from micropython.org/download/RPI_PICO_W onto the drive RPI-RP2 "
        "(hold BOOTSEL while plugging in). Files on the board stay.",
    )  # fmt: skip


def doctor_of(scheme: str) -> Any:
    """The module that examines addresses of `scheme`, or None where there is nothing to examine.
    Of a package of its own it is the `doctor` of the module that opens the link."""
    if scheme not in SCHEMES:
        doctor = getattr(load(scheme), "doctor", None)
        if doctor is None:
            raise BadAddress(f"the package that brings the link {scheme} can't examine it")
        return doctor
    name = f"picolink.links.{SCHEMES[scheme]}.doctor"
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        return None


def around() -> list[str]:
    """The addresses of all that can be examined without being told."""
    found: list[str] = []
    for folder in dict.fromkeys(SCHEMES.values()):
        doctor = doctor_of(next(scheme for scheme in SCHEMES if SCHEMES[scheme] == folder))
        if doctor is not None and hasattr(doctor, "around"):
            found += doctor.around()
    return found
