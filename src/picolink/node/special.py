"""Calls that are not just a function to be called: services, streams, commands that block. Loaded
when the first one comes."""

from ..core.errors import BadArguments, UnknownCommand
from ..core.packets import BEGUN, REPLY
from .invoke import call

MYPY = False
if MYPY:
    from typing import Any

    from .command import Command
    from .talk import Talk


def begin(
    talk: "Talk", ref: int, name: str, command: "Command | None", args: "list[Any]",
    named: "dict[str, Any]",
) -> None:  # fmt: skip
    """Begins call `ref` of `name`."""
    if command is None:
        _serve(talk, ref, name, args, named)
    elif command.stream:
        from .streams import start

        start(talk, ref, command, args, named)
    else:
        _block(talk, ref, command, args, named)


def _serve(talk: "Talk", ref: int, name: str, args: "list[Any]", named: "dict[str, Any]") -> None:
    """Runs a service of ours."""
    begun = False
    try:
        if not isinstance(name, str):
            raise BadArguments("the call can't be read")
        serve = None
        if name[:4] == "sys.":
            from .services import find

            serve = find(name[4:])
        if serve is None:
            raise UnknownCommand(name)
        begun = True
        value = serve(talk, ref, *args, **named)
        if value is not None:
            talk.reply(REPLY, ref, value)
    except (UnknownCommand, BadArguments) as error:  # of a service: it has done nothing
        talk.fail(ref, error)
    except Exception as error:
        talk.fail(ref, error, 0, begun)


def _block(
    talk: "Talk", ref: int, command: "Command", args: "list[Any]", named: "dict[str, Any]"
) -> None:
    """Runs a command that blocks, once the peer was told that it does."""

    def run() -> None:
        if ref in talk.running:  # else the session ended meanwhile
            running = call(talk.node, command.function, args, named, talk.answer, ref)
            if ref in talk.running:
                talk.running[ref] = running

    try:
        talk.reply(BEGUN, ref, {"blocking_s": command.blocking_s})
    except Exception as error:  # no memory to say so
        talk.fail(ref, error)
        return
    talk.running[ref] = None
    talk.node.later.append(run)
