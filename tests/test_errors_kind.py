"""Errors have a kind and advice beside their text, and the page on errors knows all kinds."""

from __future__ import annotations

import ast
import copy
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

import picolink
from picolink.core import errors
from picolink.links.ble import stack
from picolink.links.usb.identify import NODE, SENTENCES, WORDS, found
from picolink.node.host.unknown import not_there

ROOT = Path(__file__).parent.parent


def test_each_class_has_a_kind_of_its_own() -> None:
    assert errors.BadAddress("x").kind == "bad_address"
    assert errors.NotDone("x").kind == "not_done"
    assert errors.PicolinkError("x").kind == "picolink_error"
    assert errors.RemoteError("x", "ValueError").kind == "ValueError"
    assert (errors.Busy("x").advice, errors.Busy("x").why) == ("", "")

    class OfAProgram(errors.Busy):
        pass

    assert OfAProgram("x").kind == "of_a_program"


def test_the_text_is_why_and_advice() -> None:
    error = errors.CannotConnect("it is gone", kind="lost", advice="Look for it")
    assert (str(error), error.why, error.advice) == ("it is gone. Look for it", "it is gone",
                                                    "Look for it")  # fmt: skip
    for other in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert (str(other), other.kind, other.advice) == (str(error), "lost", "Look for it")
    assert errors.CannotConnect("it is gone").kind == "cannot_connect"


def test_what_is_at_a_port_has_a_word() -> None:
    assert set(WORDS) == set(SENTENCES) and len(set(WORDS.values())) == len(WORDS)
    told = found("silence")
    error = told.error("usb:/dev/x")
    assert (str(error), error.kind) == (f"usb:/dev/x: {told}", "silent")
    assert error.advice == told.advice


def test_a_port_that_is_not_there() -> None:
    with pytest.raises(picolink.CannotConnect, match="there is no port /dev/ttyACM99") as caught:
        picolink.connect("/dev/ttyACM99")
    assert caught.value.kind in ("no_port", "boot_drive") and caught.value.advice


def test_a_name_that_is_not_there() -> None:
    error = not_there("led_sett", "shed has no command 'led_sett'", ["led_set"])
    assert str(error) == "shed has no command 'led_sett': did you mean led_set?"
    assert (error.kind, error.command) == ("mistyped", "led_sett")
    assert not_there("x", "why", ["led_set"]).kind == "unknown_command"
    assert not_there("x", "why", None).advice == "`picolink describe` lists them"


def kinds_given() -> Iterator[str]:
    """All kinds that errors are made with."""
    yield from (word for kind, word in WORDS.items() if kind != NODE)  # which is no error
    for absent in vars(stack).values():
        if isinstance(absent, stack.Absent):
            yield absent.error().kind
    for path in sorted((ROOT / "src" / "picolink").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in vars(errors):
                for word in node.keywords:
                    if word.arg == "kind" and isinstance(word.value, ast.Constant):
                        yield word.value.value


def test_the_page_has_each_kind() -> None:
    page = (ROOT / "docs" / "errors.md").read_text("utf-8")
    missing = {
        kind for kind in kinds_given() if f"`{kind}`" not in page and f'"{kind}"' not in page
    }
    assert missing == set()
