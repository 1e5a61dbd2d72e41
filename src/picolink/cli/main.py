"""The command line: dispatch, exit codes, and errors in one line.

Little is imported here, and all else by `_run`: until then a Ctrl-C would end in a traceback.
"""

from __future__ import annotations

import sys

MYPY = False
if MYPY:
    from collections.abc import Sequence

    from ..core.errors import PicolinkError

DONE = 0
FAILED = 1
USAGE = 2
NO_LINK = 3
UNKNOWN = 4
INTERRUPTED = 130


def exit_code(error: PicolinkError) -> int:
    """The exit code of an error; `docs/cli.md` lists them."""
    from ..core.errors import CannotConnect, LinkError, NotDone, Unknown, UsageError

    if isinstance(error, UsageError):
        return USAGE
    if isinstance(error, (CannotConnect, LinkError, NotDone)):
        return NO_LINK
    if isinstance(error, Unknown):
        return UNKNOWN
    return FAILED


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code."""
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        return INTERRUPTED


def _run(arguments: Sequence[str] | None) -> int:
    import os
    import signal

    from ..core.errors import PicolinkError
    from ..links.host.virtual import simulator
    from .command_line.parser import make_parser

    parser = make_parser()
    options = parser.parse_args(arguments)
    if options.run is None:
        parser.print_help()
        return USAGE
    try:
        # SIGTERM ends a command as Ctrl-C does: ports closed, the terminal as it was.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    except ValueError:
        pass  # not in the main thread: an embedder's business
    virtual = simulator()
    if virtual is not None:
        virtual.install()
    try:
        code: int = options.run(options)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # `picolink watch ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except PicolinkError as error:
        _say(options, error)
        return exit_code(error)
    except OSError as error:
        print(f"picolink: {error}", file=sys.stderr)
        return FAILED


def _say(options: object, error: PicolinkError) -> None:
    """One line on stderr; what a command raised on the board follows where it helps."""
    print("picolink: " + " ".join(str(error).split()), file=sys.stderr)
    traceback = getattr(error, "traceback", "")
    if traceback and getattr(options, "traceback", False):
        from ..packing.tracebacks import located

        print(located(traceback).rstrip(), file=sys.stderr)
