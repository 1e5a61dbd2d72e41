"""What a path that somebody gave stands for, where it is no file."""

from __future__ import annotations

import stat
from pathlib import Path


def no_file(path: Path) -> str | None:
    """Why nothing can be read from `path`, to be told: "x is a folder"; None if it is a file."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return f"there is no file {path}"
    except OSError as error:
        return f"can't read {path} ({error.strerror})"
    except ValueError:  # a zero within
        return f"{str(path)!r} is no name of a file"
    if stat.S_ISREG(mode):
        return None
    kinds = {
        stat.S_IFDIR: "a folder",
        stat.S_IFIFO: "a pipe",
        stat.S_IFSOCK: "a socket",
    }
    return f"{path} is {kinds.get(stat.S_IFMT(mode), 'a device')}, not a file"
