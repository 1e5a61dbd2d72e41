"""A board's `main.py`, read on the host: is it sound, what does it need, what does it explain."""

from __future__ import annotations

import ast
import json
from binascii import crc32
from pathlib import Path
from typing import Any

from ..core.errors import UsageError
from ..packing import CHECKOUT, PackingError, compile_source
from .settings import is_address

PATH = "/main.py"
HELP_PATH = "/picolink-help.json"  # node/services/describe.py reads it
_TYPES = {"int", "float", "str", "bool", "bytes", "list", "dict"}
_WORDS = {"deliver_and_sleep": "sleeping", "on_delivery": "deliver"}
_IMPORTS = {"picolink.mqtt": "mqtt", "picolink.links.mqtt": "mqtt"}
_DECLARES = ("command", "stream", "reading")


def template() -> bytes:
    """The program for a board that has none: board/main.py."""
    packed = Path(__file__).with_name("board_main.py")  # in a wheel; see pyproject.toml
    return (packed if packed.exists() else CHECKOUT / "board" / "main.py").read_bytes()


def load(file: str) -> bytes:
    """The program in `file`, checked. `UsageError` with the line where it has an error."""
    try:
        program = Path(file).read_bytes()
    except OSError as error:
        raise UsageError(f"can't read the program {file}: {error.strerror}") from None
    check(program, file)
    return program


def check(program: bytes, name: str) -> None:
    """`UsageError` where MicroPython could not run the program, with the line."""
    try:
        source = program.decode()
        ast.parse(source, name)
    except UnicodeDecodeError as error:
        line = program[: error.start].count(b"\n") + 1
        raise UsageError(f"{name} line {line} is no UTF-8: save the file as UTF-8") from None
    except SyntaxError as error:
        raise UsageError(_wrong(name, error.lineno or 0, error.msg, error.text or "")) from None
    except ValueError as error:  # a NUL byte
        raise UsageError(f"{name} is no Python: {error}") from None
    try:
        compile_source(source, "main.py", optimize=0)
    except PackingError as error:  # what CPython knows and MicroPython does not: `match`, `a[*b]`
        lines = source.splitlines()
        shown = lines[error.line - 1] if 0 < error.line <= len(lines) else ""
        what = error.what or str(error)
        raise UsageError(_wrong(name, error.line, f"{what} (in MicroPython)", shown)) from None


def _wrong(name: str, line: int, what: str, shown: str) -> str:
    return f"{name} line {line}: {what}: {shown.strip()}. Nothing on the board was changed"


def addresses(program: bytes) -> list[str]:
    """Strings of the program that look like addresses: links that it opens or dials."""
    tree = _tree(program)
    texts = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    strings = {text for text in texts if isinstance(text, str)}
    return sorted(filter(is_address, strings))


def wants_wifi(program: bytes) -> bool:
    """Whether the program gives its node a network: `Node(wifi=...)`."""
    calls = (node for node in ast.walk(_tree(program)) if isinstance(node, ast.Call))
    return any(word.arg == "wifi" for call in calls for word in call.keywords)


def says(program: bytes) -> list[str]:
    """Groups that the program wants by what it calls or imports: `node.deliver_and_sleep(...)`,
    `from picolink.mqtt import Mqtt`, and others."""
    told: set[str | None] = set()
    for node in ast.walk(_tree(program)):
        if isinstance(node, ast.Attribute):
            told.add(node.attr)
        elif isinstance(node, ast.ImportFrom):
            told.add(node.module)
            told.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            told.update(alias.name for alias in node.names)
    wanted = [group for word, group in {**_WORDS, **_IMPORTS}.items() if word in told]
    return list(dict.fromkeys(wanted))


def node_name(program: bytes) -> str:
    """The name in the program's `Node("name")`, or ""."""
    for node in ast.walk(_tree(program)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "Node":
            given = [*node.args[:1], *(word.value for word in node.keywords if word.arg == "name")]
            if given and isinstance(given[0], ast.Constant) and isinstance(given[0].value, str):
                return given[0].value
    return ""


def uses_picolink(program: bytes) -> bool:
    """Whether it speaks of picolink at all."""
    return b"picolink" in program


def source_help(program: bytes) -> bytes:
    """The file by which `describe` tells what the source does and the decorators don't.

    It holds for this text of the program only: the board compares the CRC.
    """
    commands: dict[str, Any] = {}
    readings: dict[str, str] = {}
    for function in ast.walk(_tree(program)):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        said = (ast.get_docstring(function) or "").strip().splitlines()
        help = said[0].strip() if said else ""
        for decorator in function.decorator_list:
            kind, name = _declared(decorator, function.name)
            if kind == "reading" and help:
                readings[name] = help
            elif kind in ("command", "stream"):
                args, defaults = _arguments(function.args)
                if help or args:
                    commands[name] = [help, args, defaults]
    told = {"crc32": f"{crc32(program):08x}", "commands": commands, "readings": readings}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def _tree(program: bytes) -> ast.Module:
    """The program, or an empty one where it can't be parsed: it is the user's, and stays."""
    try:
        return ast.parse(program)
    except (SyntaxError, ValueError):
        return ast.Module([], [])


def _declared(decorator: ast.expr, function: str) -> tuple[str, str]:
    """What a decorator declares, and under which name: `@node.command(name="x")`."""
    call = decorator if isinstance(decorator, ast.Call) else None
    target = call.func if call else decorator
    if not isinstance(target, ast.Attribute) or target.attr not in _DECLARES:
        return "", ""
    given = {word.arg: word.value for word in call.keywords} if call else {}
    name = given.get("name")
    if target.attr == "reading" and call and call.args:
        name = call.args[0]
    if isinstance(name, ast.Constant) and isinstance(name.value, str):
        return target.attr, name.value
    return target.attr, function


def _arguments(args: ast.arguments) -> tuple[list[list[str]] | None, dict[str, Any]]:
    """[[name, what it takes], ...] and the defaults by name; None where any number is taken."""
    if args.vararg or args.kwarg:
        return None, {}
    ordered = [*args.posonlyargs, *args.args]
    values: list[ast.expr | None] = [None] * (len(ordered) - len(args.defaults))
    pairs = [*zip(ordered, [*values, *args.defaults]), *zip(args.kwonlyargs, args.kw_defaults)]
    result, defaults = [], {}
    for argument, value in pairs:
        what = _takes(argument.annotation)
        if value is not None:
            try:
                defaults[argument.arg] = default = ast.literal_eval(value)
                json.dumps(default)
            except (ValueError, TypeError):
                defaults[argument.arg] = ast.unparse(value)
            else:
                kind = type(default).__name__
                what = what or (kind if kind in _TYPES else "")
        result.append([argument.arg, what])
    return result, defaults


def _takes(annotation: ast.expr | None) -> str:
    """An annotation in the language of node/args.py: a type, a choice, a range, or ""."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        return annotation.value.strip()
    if isinstance(annotation, ast.Name) and annotation.id in _TYPES:
        return annotation.id
    if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value) == "Literal":
        inner = annotation.slice
        choices = inner.elts if isinstance(inner, ast.Tuple) else [inner]
        values = [choice.value for choice in choices if isinstance(choice, ast.Constant)]
        texts = [value for value in values if isinstance(value, str)]
        return "|".join(texts) if len(texts) == len(choices) else ""
    return ""
