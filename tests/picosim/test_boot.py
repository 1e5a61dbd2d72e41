"""Booting, resets, and what a program finds on the board."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from terminal import Terminal

from picosim import BoardFailed, World


def said(world: World, main: str, **kw: object) -> str:
    """What a program prints, up to the REPL."""
    board = world.board("b", main=main, **kw)  # type: ignore[arg-type]
    board.wait_printed('Type "help()"')  # the interpreter's own, which comes behind it
    return board.log_text()


def test_boot_runs_before_main_and_then_comes_the_repl(world: World) -> None:
    text = said(world, "print('main', x)", files={"boot.py": "x = 5\nprint('boot')"})
    assert text.startswith("boot\r\nmain 5\r\n")
    board = world.boards["b"]
    with Terminal(board.usb_path) as terminal:
        terminal.expect(b">>> ")
        terminal.send(b"print(x + 1)\r")
        terminal.expect(b"\r\n6\r\n>>> ")


def test_an_exception_in_main_prints_its_traceback_alone(world: World) -> None:
    text = said(world, "def f():\n    return 1 / 0\nf()\n")
    assert text.startswith(
        "Traceback (most recent call last):\r\n"
        '  File "main.py", line 3, in <module>\r\n'
        '  File "main.py", line 2, in f\r\n'
        "ZeroDivisionError: "
    )


def test_a_failing_boot_keeps_main_from_running(world: World) -> None:
    text = said(world, "print('main')", files={"boot.py": "oops\n"})
    assert "NameError" in text and "main" not in text.split("NameError")[1].split("MicroPython")[0]


@pytest.mark.parametrize("how", ["import sys; sys.exit()", "import machine; machine.soft_reset()"])
def test_ending_the_program_is_a_soft_reset(world: World, how: str) -> None:
    source = "import os\ntry:\n os.stat('f')\n print('again')\nexcept OSError:\n"
    source += f" open('f', 'w').close()\n {how}\n"
    board = world.board("b", main=source)
    with Terminal(board.usb_path) as terminal:
        terminal.expect(b"MPY: soft reboot\r\nagain\r\n")


def test_ctrl_d_at_the_prompt_runs_boot_and_main(world: World) -> None:
    board = world.board("b", main="print('main')", files={"boot.py": "print('boot')"})
    with Terminal(board.usb_path) as terminal:
        terminal.expect(b">>> ")
        terminal.send(b"x = 1\r\x04")
        terminal.expect(b"MPY: soft reboot\r\nboot\r\nmain\r\n")
        terminal.expect(b">>> ")
        terminal.send(b"x\r")
        terminal.expect(b"NameError")


def test_ctrl_d_at_the_raw_repl_runs_boot_alone_and_stays_raw(world: World) -> None:
    board = world.board("b", main="print('main')", files={"boot.py": "print('boot')"})
    with Terminal(board.usb_path) as terminal:
        terminal.expect(b">>> ")
        terminal.send(b"\x01")
        terminal.expect(b"raw REPL; CTRL-B to exit\r\n>")
        terminal.send(b"\x04")
        text = terminal.expect(b"raw REPL; CTRL-B to exit\r\n>")
        assert b"soft reboot\r\nboot\r\n" in text and b"main" not in text
        terminal.send(b"print('still raw')\x04")
        terminal.expect(b"OKstill raw\r\n\x04\x04>")
        terminal.send(b"\x02")
        terminal.expect(b">>> ")


def test_hard_resets_hang_usb_up_and_boot_anew(world: World) -> None:
    board = world.board("b", main="import machine\nprint('cause', machine.reset_cause())")
    path = board.usb_path
    terminal = Terminal(path)
    terminal.expect(b"cause 1\r\n")
    board.reset()
    terminal.expect_hang_up()
    terminal.close()
    board.wait_state("repl")
    with Terminal(path) as terminal:
        terminal.expect(b"cause 3\r\n")
        terminal.expect(b">>> ")
        terminal.send(b"import machine; machine.reset()\r")
        terminal.expect_hang_up()


def test_the_flash_outlives_power(world: World) -> None:
    main = "with open('n', 'a') as f: f.write('x')\nprint(open('n').read())"
    board = world.board("b", main=main)
    board.wait_state("repl")
    board.power_off()
    assert board.state == "off"
    board.power_on()
    board.wait_state("repl")
    assert "xx" in board.log_text()


def test_a_full_flash_says_so(world: World) -> None:
    text = said(
        world,
        "import os\nf = open('big', 'wb')\ntry:\n"
        " for i in range(1000): f.write(bytes(1024))\n"
        "except OSError as e:\n print('errno', e.errno, i > 700)\n"
        "print(os.statvfs('/')[:3])",
    )
    assert "errno 28 True" in text and "(4096, 4096, 212)" in text


def test_files_that_do_not_fit_are_refused(world: World) -> None:
    with pytest.raises(BoardFailed, match=r"don't fit into its flash of 848 kB"):
        world.board("b", files={"big": bytes(range(256)) * 4000})


@pytest.mark.parametrize("usb", ["rp2", "pty"])
def test_the_heap_is_a_boards(world: World, usb: str) -> None:
    source = (
        "import gc\ngc.collect()\nn = gc.mem_free()\n"
        "from machine import Pin\nwhile True:\n if Pin(0).value(): break\n"
        "f = open('free', 'w'); f.write(str(n)); f.close()\nprint('free', n)"
    )
    board = world.board("b", main=source, usb=usb)
    board.pin(0).set(1)
    with Terminal(board.usb_path) as terminal:
        free = int(terminal.expect(b"\n", 5).split(b"free ")[1])
    # what `micropython -X heapsize=400k` has free
    assert abs(free - 402_000) < 6_000


def test_the_board_says_what_it_is(world: World) -> None:
    text = said(
        world,
        "import sys, os, machine, json, time\n"
        "print(json.dumps([sys.platform, sys.implementation._machine, os.uname().machine,"
        " machine.unique_id().hex(), time.localtime()[:3], machine.freq(), sys.path,"
        " time.ticks_diff(time.ticks_add(0, -1), 0), time.ticks_add(0, -1), __name__]))",
    )
    found = json.loads(text.splitlines()[0])
    machine = "Raspberry Pi Pico W with RP2040"
    assert found[:3] == ["rp2", machine, machine]
    assert bytes.fromhex(found[3]) == world.boards["b"].unique_id
    assert found[4:6] == [[2021, 1, 1], 125_000_000]
    assert found[6:] == [["", ".frozen", "/lib"], -1, 2**30 - 1, "__main__"]


def test_starting_is_fast(world: World) -> None:
    import time

    world.board("first", main="pass").wait_state("repl")
    begin = time.monotonic()
    world.board("second", main="pass").wait_state("repl")
    assert time.monotonic() - begin < 1.0  # 0.09 s on an idle machine


def test_libraries_are_found(world: World) -> None:
    text = said(world, "import a.b\nprint(a.b.x)", libs={"a/__init__.py": b"", "a/b.py": b"x = 7"})
    assert text.startswith("7\r\n")


def test_trees_and_paths_become_files(world: World, tmp_path: Path) -> None:
    (tmp_path / "tree" / "deep").mkdir(parents=True)
    (tmp_path / "tree" / "deep" / "one.py").write_text("x = 1")
    (tmp_path / "main.py").write_text("import deep.one\nprint(deep.one.x, open('data').read())")
    board = world.board(
        "b", main=tmp_path / "main.py", lib=[tmp_path / "tree"], files={"/data": b"\x41"}
    )
    board.wait_state("repl")
    assert board.log_text().startswith("1 A\r\n")


def test_the_heap_is_as_large_as_asked_for(world: World) -> None:
    text = said(world, "import gc\ngc.collect()\nprint(gc.mem_free())", heap_bytes=200 * 1024)
    assert abs(int(text.split()[0]) - 200_000) < 6_000


def test_the_bootloader_takes_the_port_away(world: World) -> None:
    board = world.board("b", main="import machine\nmachine.bootloader()")
    board.wait_state("bootloader")
    assert not Path(board.usb_path).exists()
    board.reset()
    board.wait_state("bootloader")


def test_the_example_in_the_documentation_runs(capsys: pytest.CaptureFixture[str]) -> None:
    text = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text()
    code = text.split("```python\n")[1].split("```")[0]
    exec(compile(code, "docs/simulator.md", "exec"), {})
    assert "/lamp/usb 127.77." in capsys.readouterr().out
