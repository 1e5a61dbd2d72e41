"""Checks the files that only a board runs against the types of a Pico W's own modules.

The stubs replace the types of `os`, `time`, `asyncio` and more, so they live in a folder of
their own beside the environment, and mypy is run a second time with them. The stubs have small
errors of their own: only what is wrong in this project's files is shown.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
#: The newest that this was tried with; made for firmware 1.29, right for 1.27 and 1.28 too.
STUBS = "micropython-rp2-rpi-pico-w-stubs==1.29.0.post1"

#: Library code for boards, and programs as users write them (without annotations).
STRICT = [
    "src/picolink/links/*/board.py",
    "src/picolink/links/ble/central.py",
    "src/picolink/links/ble/link.py",
    "src/picolink/links/ble/peripheral.py",
    "src/picolink/links/ble/radio.py",
    "src/picolink/links/i2c/board_controller.py",
    "src/picolink/links/i2c/board_serving.py",
    "src/picolink/links/i2c/board_target.py",
    "src/picolink/links/ctrl_c.py",
    "src/picolink/node/loop_board.py",
    "src/picolink/net/knock.py",
    "src/picolink/net/access_point.py",
    "src/picolink/net/joining.py",
    "src/picolink/net/wifi.py",
]
PROGRAMS = [
    "board/main.py",
    "examples/*/main.py",
    "examples/i2c/bare_main.py",
    "examples/wifi-pi-hotspot/board.py",
    "examples/wifi-access-point/lamp.py",
    "examples/demo/[!d]*.py",
    "docs/snippets/*_board.py",
]


def stubs_folder() -> Path:
    """The folder with the stubs, installed when it is not there yet."""
    folder = Path(sys.prefix) / "board-types" / STUBS.partition("==")[2]
    if not (folder / "machine.pyi").exists():
        print(f"  setup: installing {STUBS}", flush=True)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-warn-conflicts"]
        subprocess.run([*pip, "--disable-pip-version-check", "--target", folder, STUBS], check=True)
    return folder


def check(files: list[Path], stubs: Path, *options: str) -> list[str]:
    """mypy's complaints about `files`, with the board's types."""
    command = [sys.executable, "-m", "mypy", "--config-file=", f"--custom-typeshed-dir={stubs}"]
    command += ["--python-version=3.11", "--no-site-packages", "--follow-imports=silent"]
    command += ["--cache-dir", str(ROOT / ".mypy_cache" / "board"), "--no-error-summary"]
    command += ["--namespace-packages", "--explicit-package-bases", *options]
    done = subprocess.run(
        [*command, *map(str, files)],
        cwd=ROOT,
        env={"MYPYPATH": f"{stubs}:src", "PATH": ""},
        capture_output=True,
        text=True,
    )
    if done.returncode > 1 or done.stderr:
        sys.exit(f"mypy could not run with the board's types:\n{done.stdout}{done.stderr}")
    ours = tuple(f"{file.relative_to(ROOT)}:" for file in files)
    return [line for line in done.stdout.splitlines() if line.startswith(ours)]


def matching(patterns: list[str]) -> list[Path]:
    """The files of the project that match any of the patterns."""
    return sorted({path for pattern in patterns for path in ROOT.glob(pattern)})


def main() -> int:
    """Checks all, prints what is wrong; the exit status is 1 where anything is."""
    stubs = stubs_folder()
    strict = matching(STRICT)
    wrong = check(strict, stubs, "--strict") if strict else []
    programs = matching(PROGRAMS)
    for program in programs:  # one by one: several are called main.py
        wrong += check([program], stubs, "--check-untyped-defs")
    print("\n".join([*wrong, f"board files: {len(strict) + len(programs)}, wrong: {len(wrong)}"]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
