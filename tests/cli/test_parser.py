"""Arguments, help and completion."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from picolink.cli import commands
from picolink.cli.command_line.parser import COMMANDS, EXIT_CODES, make_parser
from picolink.cli.command_line.values import parse_arguments
from picolink.cli.commands.completion import script
from picolink.cli.main import exit_code
from picolink.core import errors
from picolink.node.host.suggestion import suggestion
from picosim import VirtualBoard


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["1", "-2.5", "1e3", "on", ""], ([1, -2.5, 1000.0, "on", ""], {})),
        (["true", "null", "[1]", '"1"'], ([True, None, [1], "1"], {})),
        (["a=1", "x", "b=two=2"], (["x"], {"a": 1, "b": "two=2"})),
        (["1=2", '"a=1"', "=", "NaN", "Infinity"], (["1=2", "a=1", "=", "NaN", "Infinity"], {})),
    ],
)
def test_arguments(texts: list[str], expected: tuple[list[Any], dict[str, Any]]) -> None:
    assert parse_arguments(texts) == expected


def test_every_command_has_help_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    for command in COMMANDS:
        with pytest.raises(SystemExit) as end:
            make_parser().parse_args([command, "--help"])
        assert end.value.code == 0
        shown = capsys.readouterr().out
        assert f"picolink {command}" in shown.partition("example")[2], command


def test_each_file_of_the_folder_is_a_command() -> None:
    there = {path.stem for path in Path(commands.__file__).parent.glob("[a-z]*.py")}
    assert there == set(COMMANDS)


def test_help_and_a_command_load_no_other_command() -> None:
    code = (
        "import sys; from picolink.cli.main import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "print([m for m in sys.modules if m.startswith('picolink.cli.commands.')])"
    )
    for arguments, loaded in (["--help"], "[]"), (["links"], "['picolink.cli.commands.links']"):
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip
        assert done.stdout.splitlines()[-1] == loaded


def test_every_error_has_an_exit_code_that_is_documented() -> None:
    kinds = [k for k in vars(errors).values() if isinstance(k, type)]
    kinds = [kind for kind in kinds if issubclass(kind, errors.PicolinkError)]
    codes = {kind.__name__: exit_code(kind("x")) for kind in kinds}
    assert set(codes.values()) <= set(EXIT_CODES)
    assert codes["BadAddress"] == codes["BadArguments"] == 2
    assert codes["CannotConnect"] == codes["PortBusy"] == codes["NotDone"] == 3
    assert codes["RemoteError"] == codes["UnknownCommand"] == 1 and codes["Unknown"] == 4


def test_suggestions() -> None:
    assert suggestion("led_st", ["led_set", "fan"]) == "did you mean led_set?"
    assert suggestion("x", ["b", "a"]) == "there are: a, b"
    assert suggestion("x", []) == "it has none"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_that_the_shell_takes(shell: str) -> None:
    text = script(shell)
    assert all(command in text for command in COMMANDS)
    program = shutil.which(shell)
    if program:
        subprocess.run([program, "-n"], input=text, text=True, check=True, timeout=10)


def complete(*words: str) -> list[str]:
    """What bash offers for the last word; `picolink` is this environment's."""
    text = (
        'picolink() { python3 -c "import sys; from picolink.cli.main import main; sys.exit(main())"'
        ' "$@"; }\n'
        f"{script('bash')}\n"
        f"COMP_WORDS=({' '.join(repr(word) for word in words)}); COMP_CWORD={len(words) - 1}\n"
        '_picolink; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "-c", text], capture_output=True, text=True, timeout=20)
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.skipif(not shutil.which("bash"), reason="no bash here")
def test_bash_completes_commands_options_and_boards(
    board: VirtualBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    monkeypatch.setenv("PATH", os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"])
    assert complete("picolink", "de") == ["devices", "describe"]
    assert complete("picolink", "watch", "usb:shed", "level", "--pl") == ["--plain"]
    assert complete("picolink", "completion", "z") == ["zsh"]
    assert complete("picolink", "call", "usb:s") == ["usb:shed"]
    assert complete("picolink", "call", "usb", ":", "s") == ["shed"]  # as bash splits it
