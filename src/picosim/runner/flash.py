"""Flash images: littlefs, as on the board, ready-made and kept by the hash of their contents."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from picosim.base import system

if TYPE_CHECKING:
    from picosim.runner.interpreter import Interpreter

BLOCK_BYTES = 4096
BLOCK_COUNT = 212
"""848 kB, what the firmware of a Pico W leaves for files."""
KEEP_IMAGES = 40


class FlashFull(ValueError):
    """The files don't fit on a board."""


def cache_directory() -> Path:
    """Where images are kept between runs."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    for candidate in (Path(base), Path(tempfile.gettempdir())):
        path = candidate / f"picosim-flash-{os.getuid()}"
        try:
            path.mkdir(parents=True, exist_ok=True)
            if os.access(path, os.W_OK):
                return path
        except OSError:
            continue
    return Path(tempfile.mkdtemp(prefix="picosim-flash-"))


def image_key(files: Mapping[str, bytes]) -> str:
    """The name of the image that holds exactly these files (path on the board -> contents)."""
    digest = hashlib.sha256(b"1")
    for name in sorted(files):
        digest.update(f"{name}\0{len(files[name])}\0".encode())
        digest.update(files[name])
    return digest.hexdigest()[:32]


def stage(files: Mapping[str, bytes], directory: Path) -> Path:
    """Lay the files out for `mkflash.py`; returns the list to give to it."""
    names = []
    for number, (name, data) in enumerate(files.items()):
        path = directory / f"staged{number}"
        path.write_bytes(data)
        names.append([name.strip("/"), str(path)])
    listing = directory / "staged.json"
    listing.write_text(json.dumps(names))
    return listing


def make(
    interpreter: Interpreter, image: Path, listing: Path | str, blocks: int = BLOCK_COUNT
) -> list[str]:
    """Make an image of what `stage` laid out; returns the last line of what went wrong, if any."""
    here = Path(__file__).parent.parent / "board"
    arguments = ["-X", "heapsize=8M", str(here / "mkflash.py"), str(image), str(blocks)]
    output = image.with_suffix(".out")
    with open(os.devnull) as nothing, open(output, "w+") as told:
        fds = {0: nothing.fileno(), 1: told.fileno(), 2: told.fileno()}
        status = os.waitpid(interpreter.start([*arguments, str(listing)], fds, False), 0)[1]
    said = output.read_text()
    if "Error" in said or os.WIFSIGNALED(status):
        image.unlink(missing_ok=True)
        return said.strip().splitlines()[-1:] or ["MicroPython ended"]
    return []


def store(image: Path, key: str, cache: Path) -> None:
    """Keep a copy of a finished image, and drop the oldest when there are many."""
    temporary = cache / f"{key}.{os.getpid()}"
    shutil.copyfile(image, temporary)
    temporary.replace(cache / f"{key}.img")
    kept = sorted(cache.glob("*.img"), key=system.changed_at, reverse=True)
    for old in kept[KEEP_IMAGES:]:
        old.unlink(missing_ok=True)


def copy(cached: Path, image: Path) -> bool:
    """Copy a finished image that was kept; False where there is none."""
    try:
        shutil.copyfile(cached, image)
        os.utime(cached)
    except FileNotFoundError:  # never made, or dropped by another program just now
        return image.exists()
    return True


def tree(root: Path, prefix: str = "lib") -> dict[str, bytes]:
    """The files below `root`, to be copied to `/prefix` on a board."""
    if root.is_file():
        return {f"{prefix}/{root.name}": root.read_bytes()}
    if not root.is_dir():
        raise FileNotFoundError(f"{root}: no such file or folder to copy to the board's /{prefix}")
    return {
        f"{prefix}/{path.relative_to(root).as_posix()}": path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
