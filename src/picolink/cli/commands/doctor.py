"""What is wrong with a link. Each link's folder knows what to look at (links/host/diagnosis.py).
Here are the last steps, which need a whole node, and the words.

Looks at each step between the cable and the node; without ADDRESS at all that can be
found. Leaves everything as it was: resets nothing, runs nothing on a board.
Exit code 0: all is well; 1: something is wrong, and it says what.

    picolink doctor usb:auto
    picolink doctor tcp:192.168.1.20
    picolink doctor
"""

from __future__ import annotations

import argparse
import textwrap
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import picolink

from ...core.errors import BadAddress, PicolinkError, RemoteError, UnknownCommand
from ...links.host.diagnosis import (
    NODE,
    Step,
    around,
    bad,
    doctor_of,
    firmware,
    good,
    sentence,
    split_told,
)
from ...links.host.user_address import normalise
from ...links.redact import redact
from ...links.registry import split
from ..command_line.arguments import ADDRESS, json_option
from ..output import Progress, print_json

if TYPE_CHECKING:
    from ...node.host.blocking import Board

FAULT = 1  # the exit code where something is wrong
_CONNECT_S = 8.0
_BESIDE = 2  # boards
_BESIDE_S = 4.0
_WIDTH = 92
_LOG = "Look at what the board prints when it starts: `picolink log`."
_TOLD_BY = {"peer": "told by a peer", "rtc": "from its own clock, which was set before"}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("address", metavar="ADDRESS", nargs="?", help=ADDRESS)
    json_option(parser, "print a JSON object per address")


def run(options: argparse.Namespace) -> int:
    """Examines one address, or all that is there."""
    addresses = [options.address] if options.address else around() or ["usb:auto"]
    healthy = True
    for address in addresses:
        steps = []
        title = redact(address)
        with Progress(f"looking at {title}") as progress:
            for step in examine(address):
                steps.append(step)
                if not options.json:
                    progress.clear()
                    if len(steps) == 1:
                        print(title)
                    print(shown(step), flush=True)
        well = all(step.ok for step in steps)
        healthy = healthy and well
        if options.json:
            told = [step._asdict() for step in steps]
            print_json({"address": title, "ok": well, "steps": told})
    return 0 if healthy else FAULT


def examine(address: str) -> Iterator[Step]:
    """All steps at one address; UsageError where it is none."""
    title = redact(address)
    try:
        scheme, where, options = split(normalise(address))
    except BadAddress:
        raise
    except PicolinkError as error:  # a bare name that nothing bears
        yield bad(
            f"there is a board named {title}", "no such board", sentence(str(error)),
            "`picolink devices` lists the boards on USB; `picolink doctor` looks at all of them.",
        )  # fmt: skip
        return
    if scheme.endswith("-listen"):
        raise BadAddress(
            f"{title} waits for others: it is an address for node.run(). Examine it from the "
            f"other end, as {scheme.removesuffix('-listen')}:..."
        )
    doctor = doctor_of(scheme)
    if doctor is None:
        raise BadAddress(f"there is nothing to examine at {title}: it never leaves this program")
    well = True
    kind = ""
    if hasattr(doctor, "examine_at"):  # of a folder whose schemes differ
        steps = doctor.examine_at(normalise(address))
    else:
        steps = doctor.examine(where, options)
    for step in steps:
        well, kind = well and step.ok, step.kind
        yield step
    if scheme == "i2c" and kind == "nobody answers":
        yield from _beside("i2c")
    if well and kind == NODE:
        yield from _talk(address)


def _talk(address: str) -> Iterator[Step]:
    """What a node tells of itself, once it has answered a greeting."""
    what = "a call comes back"
    try:
        with picolink.connect(address, timeout_s=_CONNECT_S) as board:
            began_s = time.monotonic()
            told: dict[str, Any] = {}
            try:
                told = board.describe()
            except (UnknownCommand, RemoteError):
                pass  # it answered, and has no such service, or no memory for it
            passed_ms = 1000 * (time.monotonic() - began_s)
            yield good(f"{what}, after {passed_ms:.0f} ms")
            version = str(told.get("firmware", ""))
            if version.startswith("micropython"):
                yield firmware("MicroPython" + version.removeprefix("micropython"))
            yield from not_open(told)
            yield from _wifi(board)
            yield from _clock(board)
    except PicolinkError as error:
        yield bad(
            what, "no call", sentence(f"The node answered a greeting, but then: {error}"),
            "Try again. If it stays so, restart the board's program (`--start` over USB) and look "
            "at what it prints: `picolink log`.",
        )  # fmt: skip


def not_open(told: dict[str, Any]) -> Iterator[Step]:
    """The links and peers that a node has not got, from what `describe` told."""
    for address, why in told.get("not_open", ()):
        text = why.removeprefix(f"{address}: ")
        if text != why:
            said, advice = sentence(text), ""
        else:
            said, advice = split_told(why)
        yield bad(f"its {address} is open", "link not open", said, advice or _LOG)


def _beside(scheme: str) -> Iterator[Step]:
    """What boards on USB say of their own I2C: the one that does not answer may be there."""
    for address in doctor_of("usb").around()[:_BESIDE]:
        try:
            with picolink.connect(address, timeout_s=_BESIDE_S) as board:
                told = board.describe()
        except PicolinkError:
            continue
        of_scheme = [[a, why] for a, why in told.get("not_open", ()) if a.startswith(scheme)]
        for step in not_open({"not_open": of_scheme}):
            yield step._replace(what=f"{step.what} ({told['name']}, at USB)")


def _wifi(board: Board) -> Iterator[Step]:
    """How a board's Wi-Fi is; nothing where it looks after none."""
    what = "the board's Wi-Fi works"
    try:
        findings = board.call("sys.wifi", True)
    except (UnknownCommand, RemoteError):
        return
    for kind, why, advice in findings:
        yield bad(what, kind, why, advice) if kind else good(what, why=why.rstrip("."))


def _clock(board: Board) -> Iterator[Step]:
    """Whether a board knows the time of day; nothing where its node does not look after that."""
    what = "the board knows the time of day"
    try:
        told = board.call("sys.time")
    except (UnknownCommand, RemoteError):
        return
    why = str(told["why"])
    if told["quality"] == "system":
        return  # a computer's, whose system looks after it
    if told["quality"] == "ntp":
        yield good(what, why=told["text"])
    elif why:  # also where this computer, which is a peer, has told it just now
        advice = (
            "Its network's DNS server does not answer, or knows no names of the internet: start "
            "the router anew, or name time servers by IP (node.time.servers)."
            if "DNS server" in why
            else "Is there a way to the internet? Else name a time server of your own "
            '(node.time.servers = ("192.168.1.1",)).'
        )
        yield bad(
            what, "no time server", sentence(why),
            advice + " Meanwhile peers tell it: this computer, for one.",
        )  # fmt: skip
    elif told["quality"] != "unknown":
        yield good(what, why=f"{told['text']}, {_TOLD_BY[told['quality']]}")


def shown(step: Step) -> str:
    """A step for people."""
    if step.ok:
        return f"  ok      {step.what}" + (f" ({step.why})" if step.why else "")
    lines = [f"  FAILED  {step.what}"]
    for title, text in (("why: ", step.why), ("do:  ", step.advice)):
        lines += textwrap.wrap(
            text, _WIDTH, initial_indent=" " * 10 + title, subsequent_indent=" " * 15,
            break_long_words=False, break_on_hyphens=False,
        )  # fmt: skip
    return "\n".join(lines)
