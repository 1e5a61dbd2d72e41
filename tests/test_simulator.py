"""picosim and picolink are two packages: neither needs the modules of the other, and each name that
users had when they were one is still there."""

from __future__ import annotations

import importlib
import os
import statistics
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from imports import imports_of

import picosim
from picolink.cli.main import main
from picolink.core.errors import UsageError
from picolink.links.host import virtual

ROOT = Path(__file__).parent.parent
SIMULATOR = sorted((ROOT / "src" / "picosim").rglob("*.py"))
PICOLINK = sorted((ROOT / "src" / "picolink").rglob("*.py"))
MAX_LINES = 400


def imported(path: Path) -> set[str]:
    """The packages that a module imports when it runs."""
    return {name.split(".")[0] for _, name in imports_of(path, ROOT / "src")}


def test_one_module_of_the_simulator_knows_picolink() -> None:
    knows = {path.name for path in SIMULATOR if "picolink" in imported(path)}
    assert knows == {"for_picolink.py"}


def test_picolink_imports_no_simulator() -> None:
    assert [path for path in PICOLINK if "picosim" in imported(path)] == []


def test_the_simulators_modules_are_small() -> None:
    lines = {path.name: path.read_text("utf-8").count("\n") for path in SIMULATOR}
    assert max(lines.values()) <= MAX_LINES, lines
    assert statistics.median(lines.values()) < 150


def test_it_is_found_by_its_entry_point() -> None:
    (entry,) = entry_points(group="picolink.simulator")
    assert entry.dist is not None and entry.dist.name == "picosim"
    assert virtual.simulator() is entry.load()


BLOCKED = """
import sys
class NoPicolink:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "picolink":
            raise ModuleNotFoundError("picolink is not installed", name=name)
sys.meta_path.insert(0, NoPicolink())
import pytest
raise SystemExit(pytest.main(sys.argv[1:]))
"""


def test_its_tests_run_without_picolink() -> None:
    """Two files of them here. All of them: CONTRIBUTING.md."""
    done = subprocess.run(
        [
            sys.executable, "-c", BLOCKED, "-q", "-p", "no:cacheprovider", "-p", "no:picolink",
            "tests/picosim/test_boot.py", "tests/picosim/test_wires.py",
        ],
        cwd=ROOT, capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout and "failed" not in done.stdout


def test_names_that_were_in_picolink_are_there() -> None:
    import picolink.sim

    for name in picosim.__all__:
        assert getattr(picolink.sim, name) is getattr(picosim, name)
    paths = {path: path for path in ("world", "bluetooth.faults", "rp2040.firmware")}
    for old, path in (paths | picolink.sim._NOW).items():
        there = importlib.import_module("picosim." + path)
        assert importlib.import_module("picolink.sim." + old) is there
        assert there.__spec__ is not None and there.__spec__.name == "picosim." + path
    with pytest.raises(ModuleNotFoundError, match=r"picolink\.sim\.none"):
        importlib.import_module("picolink.sim.none")
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        picolink.sim.Nothing  # noqa: B018


@pytest.mark.parametrize("module", ["picolink.sim.i2c", "picosim.i2c", "picolink.sim.bluetooth"])
def test_scripts_run_under_either_name(tmp_path: Path, module: str) -> None:
    script = tmp_path / "script.py"
    script.write_text("import sys\nprint(sys.argv[1:])\n")
    done = subprocess.run(
        [sys.executable, "-m", module, str(script), "one"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("['one']\n", "")


def test_where_there_is_none_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(virtual, "simulator", lambda: None)
    assert virtual.virtual_boards() == []
    with pytest.raises(UsageError, match=r'pip install "picolink\[sim\]"'):
        virtual.needed()
    assert main(["sim", "up"]) == 2
    assert 'pip install "picolink[sim]"' in capsys.readouterr().err


def test_the_command_of_its_own_tells_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    from picosim import cli

    assert cli.main(["up", "none.py"]) == 2
    assert capsys.readouterr().err.startswith("picosim: there is no file none.py: name board")
