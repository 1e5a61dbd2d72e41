"""`picolink where`: text, with some noise in it, and what is none."""

from __future__ import annotations

import io
import random
import sys
from pathlib import Path

import pytest

from picolink.cli.main import main


def binary() -> bytes:
    return b"UF2\nWQ]\x9e" + random.Random(1).randbytes(300) + bytes(2000)


def test_what_is_no_text_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "firmware.uf2").write_bytes(binary())
    assert main(["where", str(tmp_path / "firmware.uf2")]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(f"picolink: {tmp_path}/firmware.uf2 is not text")
    assert main(["where", str(tmp_path)]) == 2


def test_what_comes_in_is_refused_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stdin = io.TextIOWrapper(io.BytesIO(b"a line\n" + binary()), "utf-8")
    monkeypatch.setattr(sys, "stdin", stdin)
    assert main(["where"]) == 2
    told = capsys.readouterr()
    assert told.out.startswith("a line\n") and len(told.out) < 60
    assert told.err.startswith("picolink: what comes in is not text")


def test_a_log_with_noise_in_it_is_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    noisy = b"\0\xfe\xff\x80 boot\n\x1b[31mred\x1b[0m \xc2\xb5s\n" + b"Traceback\n" * 3
    (tmp_path / "log").write_bytes(noisy)
    assert main(["where", str(tmp_path / "log")]) == 0
    assert capsys.readouterr().out == noisy.decode("utf-8", "replace")


def test_what_another_version_says_is_told_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = '  File "picolink/*.py", line 99999, in publish\n'
    (tmp_path / "log").write_text("Traceback\n" + 2 * frame)
    assert main(["where", str(tmp_path / "log")]) == 0
    told = capsys.readouterr()
    assert told.out == "Traceback\n" + 2 * frame
    assert told.err.startswith("picolink: 2 places in picolink/*.py can't be found in version ")


def test_what_is_unknown_is_counted_over_all_that_comes_in(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = b'  File "picolink/*.py", line 99999, in publish\n'
    text = io.BytesIO(frame + b"a line\n" + frame + b"the end\n")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(text, "utf-8"))
    assert main(["where"]) == 0
    assert capsys.readouterr().err.startswith("picolink: 2 places ")
