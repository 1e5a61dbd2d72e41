"""What was packed is kept by all that went in, and made anew where it can't be read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from picolink import packing
from picolink.packing import assembling, kept

MADE = {"picolink/__init__.mpy": b"M\x06\x00\xff", "picolink/a.mpy": b""}


def test_it_is_made_once(tmp_path: Path) -> None:
    calls = []

    def make() -> dict[str, bytes]:
        calls.append(1)
        return MADE

    for _ in range(2):
        assert kept.remembered(tmp_path, "key", make) == MADE
    assert len(calls) == 1
    kept.remembered(tmp_path, "other", make)
    assert len(calls) == 2


@pytest.mark.parametrize("damage", ["", "[", "[1]", '{"a": 1}', '{"a": "?"}', "7"])
def test_a_damaged_one_is_made_anew(tmp_path: Path, damage: str) -> None:
    kept.remembered(tmp_path, "key", lambda: MADE)
    (file,) = tmp_path.iterdir()
    file.write_text(damage)
    assert kept.remembered(tmp_path, "key", lambda: MADE) == MADE
    assert kept.remembered(tmp_path, "key", dict) == MADE


def test_a_folder_that_takes_nothing_is_no_hindrance(tmp_path: Path) -> None:
    assert kept.remembered(tmp_path / "none", "key", lambda: MADE) == MADE


def test_the_oldest_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "KEPT", 3)
    for number in range(5):
        kept.remembered(tmp_path, str(number), lambda: MADE)
        os.utime(tmp_path / f"packed-{number}.json", (number, number))
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {f"packed-{number}.json" for number in (2, 3, 4)}


def test_the_key_hangs_on_options_and_texts() -> None:
    texts = {"a": "x = 1", "b": "y"}
    keys = {
        kept.key_of(options, sources)
        for options in ((3, "x64"), (3, None), (2, "x64"))
        for sources in (texts, {"a": "x = 2", "b": "y"}, {"a": "x = 1"}, {"ab": "x = 1", "": "y"})
    }
    assert len(keys) == 12
    assert kept.key_of((3,), texts) == kept.key_of((3,), dict(reversed(texts.items())))


def test_packing_uses_it_and_notices_a_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assembling, "cache_folder", lambda: tmp_path)
    first = packing.compile_all(["usb"])
    monkeypatch.setattr(assembling, "join_loaded", lambda texts: pytest.fail("packed again"))
    assert packing.compile_all(["usb"]) == first
    sources = packing.board_texts
    monkeypatch.setattr(
        assembling, "board_texts",
        lambda groups: {name: text + "\nNEW = 1\n" for name, text in sources(groups).items()},
    )  # fmt: skip
    with pytest.raises(pytest.fail.Exception, match="packed again"):
        packing.compile_all(["usb"])
