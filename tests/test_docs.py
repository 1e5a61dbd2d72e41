"""The docs are true: each Python block is part of a file that runs here, links lead somewhere, and
the page of the command line is what the parser says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from picolink.core import errors
from picolink.packing import compile_all
from picosim import VirtualBoard, World

ROOT = Path(__file__).parent.parent
SNIPPETS = ROOT / "docs" / "snippets"
PAGES = [
    ROOT / "README.md",
    *(
        ROOT / "docs" / f"{name}.md"
        for name in (
            "getting-started", "cli", "api", "addresses", "errors", "troubleshooting", "text",
            "doctor", "install", "usb", "uart", "i2c", "registers", "ble", "mqtt", "wifi",
            "time", "battery", "own-link",
        )
    ),
    *sorted(ROOT.glob("examples/*/README.md")),
]  # fmt: skip
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.M | re.S)


def squeezed(text: str) -> str:
    """Without blank lines: a page may set them more tightly than the formatter does."""
    return "\n".join(line.rstrip() for line in text.splitlines() if line.strip()) + "\n"


def blocks() -> list[tuple[str, str]]:
    return [
        (page.name, block) for page in PAGES for block in BLOCK.findall(page.read_text("utf-8"))
    ]


def test_there_are_blocks() -> None:
    assert len(blocks()) >= 8


@pytest.mark.parametrize(("page", "block"), blocks(), ids=lambda value: value[:20])
def test_each_block_is_part_of_a_file_that_runs(page: str, block: str) -> None:
    files = [*SNIPPETS.glob("*.py"), *ROOT.glob("examples/*/*.py")]
    assert any(squeezed(block) in squeezed(file.read_text("utf-8")) for file in files), (
        f"{page}: this block is in no file of docs/snippets or examples:\n{block}"
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text("utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


def test_the_readme_shows_both_programs_by_line_25() -> None:
    lines = (ROOT / "README.md").read_text("utf-8").splitlines()[:25]
    text = "\n".join(lines)
    assert text.count("```python") == 2 and text.count("\n```") == 4
    assert "node.run(" in text and "picolink.connect(" in text


def test_the_page_of_the_command_line_is_current() -> None:
    made = subprocess.run(
        [sys.executable, "-c", "import cli_page; print(cli_page.page(), end='')"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "tools"), *sys.path])},
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert made == (ROOT / "docs" / "cli.md").read_text("utf-8"), "run tools/cli_page.py"


def test_every_error_has_its_paragraph() -> None:
    text = (ROOT / "docs" / "errors.md").read_text("utf-8")
    for name, kind in vars(errors).items():
        if isinstance(kind, type) and issubclass(kind, errors.PicolinkError):
            assert f"`{name}`" in text, name


# The files that the blocks are part of, run


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("PICOLINK_SIM_DIR", str(tmp_path / "announced"))
    with World(seed=1) as world:
        yield world


def board(world: World, snippet: str, **files: str) -> VirtualBoard:
    libs = compile_all(["usb", "tcp", "uart", "i2c", "describe", "stats", "log"])
    board = world.board(
        snippet.replace("_", "-"), main=SNIPPETS / f"{snippet}.py", libs=libs,
        files={f"{name}.py": text for name, text in files.items()},
    )  # fmt: skip
    board.wait_ready()
    return board


def host(snippet: str, *arguments: str) -> list[str]:
    """What a host's snippet prints."""
    done = subprocess.run(
        [sys.executable, str(SNIPPETS / f"{snippet}.py"), *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_first(world: World) -> None:
    shed = board(world, "first_board")
    lines = host("first_host")
    assert len(lines) == 3 and all(re.fullmatch(r"2\d\.\d* °C", line) for line in lines)
    shed.pin("LED").wait(1)


def test_api_host_and_aio(world: World) -> None:
    import picolink

    workshop = board(world, "api_board")
    for address in (workshop.usb_path, "tcp:" + workshop.address):
        # The board's log is printed by another thread: its lines may stand in the middle of ours.
        text = "\n".join(host("api_host", address))
        for expected in ("workshop", "high", "\n0\n1\n4\n9\n16\n", "it takes 0..60 s", "unknown"):
            assert expected in text, text
    assert "the setpoint is 21.5" in workshop.log_text()
    with picolink.connect(workshop.usb_path) as connected:
        assert connected.call("save", 12) is None
    assert host("api_aio", workshop.address)[1:] == ["50 %"] * 3
    last = host("api_many", workshop.usb_path, "tcp:127.0.0.1:1")[-1]
    assert last == "1 answered, 1 did not"


def test_api_peer(world: World) -> None:
    import picolink

    workshop = board(world, "api_board")
    panel = board(world, "api_peer", settings=f'WORKSHOP = "tcp:{workshop.address}"\n')
    with picolink.connect(panel.usb_path) as connected:
        assert connected.call("water_now") == {"seconds": 0.1, "level": "high"}
        assert connected.call("light_there") == [50, "%"]


def test_uart_from_a_computer(world: World) -> None:
    shed = board(world, "uart_board")
    wire = world.uart(shed.uart(0))
    assert host("uart_host", wire.path) == ["the lamp is on"]
    shed.pin("LED").wait(1)


def test_uart_from_another_board(world: World) -> None:
    shed, door = board(world, "uart_board"), board(world, "uart_peer")
    world.uart(shed.uart(0), door.uart(0))
    door.pin(15).press()
    shed.pin("LED").wait(1, timeout_s=10)


def test_i2c_from_a_computer(world: World) -> None:
    from picosim.i2c import host as device

    assert device.install()
    shed = board(world, "i2c_board")
    bus = world.i2c_host(1, shed.i2c(0, 0, 1))
    code = "from picosim.i2c.__main__ import main; raise SystemExit(main())"
    done = subprocess.run(
        [sys.executable, "-c", code, str(SNIPPETS / "i2c_host.py")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert done.stdout == "the lamp is on\n", done.stderr
    shed.pin("LED").wait(1)
    bus.close()


def test_i2c_from_another_board(world: World) -> None:
    shed, door = board(world, "i2c_board"), board(world, "i2c_peer")
    world.i2c(shed.i2c(0, 0, 1), door.i2c(0, 0, 1), pull_ups=True)
    door.pin(15).press()
    shed.pin("LED").wait(1, timeout_s=10)


def test_api_serve(world: World) -> None:

    clock = board(world, "api_serve_board")
    assert re.fullmatch(r"\d\d:\d\d", host("api_serve", clock.usb_path)[-1])


def test_api_poll(world: World) -> None:
    import picolink

    loop = board(world, "api_poll")
    with picolink.connect(loop.usb_path) as connected:
        assert connected.call("uptime") >= 0
