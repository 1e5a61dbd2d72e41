"""The real mpremote works with a virtual board."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from picosim import VirtualBoard, World


def mpremote(board: VirtualBoard, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "mpremote", "connect", board.usb_path, *arguments],
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_exec_interrupts_a_program_and_resume_keeps_its_names(world: World) -> None:
    board = world.board("a", main="while True:\n    pass\n")
    assert mpremote(board, "exec", "x = 6 * 7; print(x)") == "42\n"
    assert mpremote(board, "resume", "exec", "print(x + 1)") == "43\n"


def test_run_sends_a_file_larger_than_the_ring(world: World, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text("".join(f"a{i} = {i}\n" for i in range(400)) + "print(a399)\n")
    assert mpremote(world.board("a"), "run", str(program)) == "399\n"


def test_files_go_both_ways(world: World, tmp_path: Path) -> None:
    board = world.board("a", files={"old.txt": "here"})
    data = bytes(range(256)) * 40
    (tmp_path / "up.bin").write_bytes(data)
    mpremote(board, "cp", str(tmp_path / "up.bin"), ":up.bin")
    assert "10240 up.bin" in mpremote(board, "ls")
    mpremote(board, "cp", ":up.bin", str(tmp_path / "down.bin"))
    assert (tmp_path / "down.bin").read_bytes() == data
    assert mpremote(board, "cat", ":old.txt") == "here"


def test_mount_gives_the_board_a_folder_of_the_host(world: World, tmp_path: Path) -> None:
    (tmp_path / "there.py").write_text("def f():\n    return 'from the host'\n")
    output = mpremote(
        world.board("a"), "mount", str(tmp_path), "exec", "import there; print(there.f())"
    )
    assert "from the host" in output


def test_soft_reset_runs_main_again_only_when_asked(world: World) -> None:
    board = world.board("a", main="f = open('n', 'a'); f.write('x'); f.close()")
    board.wait_state("repl")
    assert mpremote(board, "resume", "exec", "print(open('n').read())") == "x\n"
    mpremote(board, "soft-reset")  # into the raw REPL: boot.py alone
    assert mpremote(board, "resume", "exec", "print(open('n').read())") == "x\n"
