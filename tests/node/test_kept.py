"""The file of what could not be delivered: torn, full, gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from picolink.node.features.deep_sleep import spool


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "kept.json"
    monkeypatch.setattr(spool, "PATH", str(path))
    return path


def record(number: int, text: str = "") -> list[object]:
    return [number, None, 0, [["a", text or number, ""]]]


def add(number: int, text: str = "") -> None:
    """A waking whose delivery failed."""
    spool.keep([*spool.load()[0], record(number, text)], True)


def ids() -> list[object]:
    return [one[0] for one in spool.load()[0]]


def test_added_one_by_one_and_forgotten(file: Path) -> None:
    assert spool.load() == ([], False)
    for number in range(3):
        add(number)
    assert spool.load() == ([record(n) for n in range(3)], True)
    spool.forget()
    assert not file.exists() and spool.load() == ([], False)


def test_the_rest_of_a_delivery_that_was_cut(file: Path) -> None:
    for number in range(3):
        add(number)
    spool.keep([record(2), record(3)], False)
    assert ids() == [2, 3]


@pytest.mark.parametrize("torn", [b"\n[9, nu", b'\n[9, null, 0, [["\xc2', b"\n", b"\n{}", b"\n[1]"])
def test_a_torn_line_harms_no_other(file: Path, torn: bytes) -> None:
    add(1)
    with file.open("ab") as end:
        end.write(torn)
    add(2)
    assert ids() == [1, 2]


def test_the_oldest_go_and_are_counted(file: Path) -> None:
    for number in range(spool.MAX_RECORDS + 5):
        add(number)
    records = spool.load()[0]
    assert [one[0] for one in records] == list(range(5, spool.MAX_RECORDS + 5))
    assert [one[2] for one in records] == [5] + [0] * (spool.MAX_RECORDS - 1)


def test_the_file_stays_small_also_where_texts_are_long(file: Path) -> None:
    for number in range(20):
        add(number, "°" * 500)
    assert file.stat().st_size <= spool.MAX_BYTES + 10
    records = spool.load()[0]
    assert records[-1][0] == 19 and records[0][0] == records[0][2] > 0
