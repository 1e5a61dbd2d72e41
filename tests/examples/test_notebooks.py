"""The notebooks: as they are committed, and executed, cell by cell, in a real Jupyter kernel,
beside a virtual board whose pins are looked at meanwhile."""

from __future__ import annotations

import base64
import csv
import io
import os
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
import pytest
from brokers import Mosquitto
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from picolink.packing import compile_all
from picosim import VirtualBoard, World

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
FOLDER = EXAMPLES / "notebook"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
PNG = b"\x89PNG\r\n\x1a\n"


def printed(cell: Any) -> str:
    """What a cell printed, which may come in pieces."""
    return "".join(out["text"] for out in cell.outputs if out.get("name") == "stdout")


class Running:
    """A notebook in a kernel; the test says which cell runs when, and adds cells of its own."""

    def __init__(self, client: NotebookClient) -> None:
        self.client = client
        self.cells = {cell.id: cell for cell in client.nb.cells}
        self.done: list[str] = []

    def run(self, ident: str) -> Any:
        """Runs the cell of that id and gives it, with its outputs."""
        self.done.append(ident)
        return self._run(self.cells[ident])

    def ask(self, expression: str) -> str:
        """The repr of an expression in the kernel."""
        cell = self._run(nbformat.v4.new_code_cell(f"print(repr(({expression})))"))
        return printed(cell).strip()

    def do(self, statement: str) -> Any:
        """Runs what the notebook does not say; the cell, with its outputs."""
        return self._run(nbformat.v4.new_code_cell(statement))

    def click(self, button: str) -> None:
        """Presses a button as the browser does: by a message to the kernel."""
        content = {
            "comm_id": self.ask(f"{button}.model_id").strip("'"),
            "data": {"method": "custom", "content": {"event": "click"}},
        }
        assert self.client.kc is not None
        self.client.kc.shell_channel.send(self.client.kc.session.msg("comm_msg", content))

    def widget(self, name: str) -> dict[str, Any]:
        """What the browser was told of a widget: its state, and `buffers`, decoded."""
        model: str = self.ask(f"{name}.model_id").strip("'")
        buffers = self.client.widget_buffers.get(model, {})
        return {
            **self.client.widget_state[model],
            "buffers": {path[-1]: base64.b64decode(b["data"]) for path, b in buffers.items()},
        }

    def _run(self, cell: Any) -> Any:
        if cell not in self.client.nb.cells:
            self.client.nb.cells.append(cell)
        return self.client.execute_cell(cell, self.client.nb.cells.index(cell))


@contextmanager
def running(name: str, folder: Path, **environment: str) -> Iterator[Running]:
    """A notebook in a kernel of its own, in `folder`; all of its cells must be run."""
    book = nbformat.read(FOLDER / name, 4)
    env = {
        **os.environ, **environment, "PYTHONPATH": os.pathsep.join(sys.path),
        "IPYTHONDIR": str(folder / "ipython"), "MPLCONFIGDIR": str(folder / "matplotlib"),
    }  # fmt: skip
    client = NotebookClient(
        book, timeout=30, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    with client.setup_kernel(env=env):
        notebook = Running(client)
        yield notebook
        code = [ident for ident, cell in notebook.cells.items() if cell.cell_type == "code"]
        assert list(dict.fromkeys(notebook.done)) == code


def board(world: World, name: str, main: str, *groups: str) -> VirtualBoard:
    """A board that measures ten times a second: nobody waits a minute for a test."""
    main, changed = re.subn(r"every_s=\d+", "every_s=0.1", main)
    assert changed == 1
    board = world.board(name, main=main, libs=compile_all(groups))
    board.wait_ready()
    return board


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("PICOLINK_SIM_DIR", str(tmp_path / "announced"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "jupyter"))
    with World(seed=1) as world:
        yield world


def test_there_are_two() -> None:
    assert [path.name for path in NOTEBOOKS] == ["lamp-and-temperature.ipynb", "mqtt-only.ipynb"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_committed_without_what_a_run_leaves(path: Path) -> None:
    book = nbformat.read(path, 4)
    nbformat.validate(book)
    for cell in book.cells:
        assert cell.metadata == {}, cell.id
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None, cell.id
    assert set(book.metadata) == {"kernelspec", "language_info"}
    assert book.metadata.kernelspec.name == "python3"
    assert set(book.metadata.language_info) == {"name"}  # no version of whoever saved it


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_links_lead_somewhere(path: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)", path.read_text("utf-8"))
    assert targets
    for target in targets:
        assert (path.parent / target).exists(), target


def test_lamp_and_temperature(world: World, tmp_path: Path) -> None:
    main = (EXAMPLES / "hello" / "main.py").read_text("utf-8")
    greenhouse = board(world, "greenhouse", main, "usb", "describe")
    lamp = greenhouse.pin("LED")
    address = greenhouse.usb_path
    with running("lamp-and-temperature.ipynb", tmp_path, PICOLINK_ADDRESS=address) as notebook:
        notebook.run("settings")
        assert notebook.ask("ADDRESS") == repr(address)
        notebook.do("READINGS = 12")
        assert "greenhouse is connected" in printed(notebook.run("connect"))
        notebook.do("import asyncio; asyncio.get_running_loop()")  # raises, where none runs
        notebook.run("connect")  # again: the port is free for it

        notebook.run("lamp")
        assert notebook.widget("lamp_state")["value"] == "the lamp is off"
        for word, level in (("on", 1), ("toggle", 0), ("toggle", 1), ("off", 0)):
            notebook.do(f'buttons["{word}"].click()')
            lamp.wait(level, timeout_s=10)  # the reply may come before the level is seen here
        assert notebook.widget("lamp_state")["value"] == "the lamp is off"

        notebook.run("plot")  # returns while the plot goes on,
        assert notebook.ask("watcher.is_alive()") == "True"
        notebook.click('buttons["on"]')  # and so a click is served in between
        lamp.wait(1, timeout_s=10)
        notebook.do("watcher.join(20)")
        assert notebook.ask("watcher.is_alive(), len(readings), len(curve.get_xdata())") == (
            "(False, 12, 12)"
        )
        picture = notebook.widget("picture")["buffers"]["value"]
        assert picture.startswith(PNG)
        notebook.do("png = io.BytesIO(); figure.savefig(png, format='png', dpi=100)")
        assert notebook.ask("png.getvalue() == picture.value") == "True"  # with all its points
        (tmp_path / "lamp-and-temperature.png").write_bytes(picture)
        with open(tmp_path / "temperature.csv", encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == 12
        assert all(15 < float(row["value"]) < 30 and row["unit"] == "°C" for row in rows)
        assert "12 readings so far, 0 missed" in printed(notebook.run("data"))

        notebook.run("plot")  # again,
        notebook.do("first = watcher")
        notebook.run("plot")  # and once more while it grows: that one ends, this begins anew
        assert notebook.ask("first.is_alive()") == "False"
        notebook.do("watcher.join(20)")
        assert notebook.ask("len(readings)") == "12"

        notebook.do("import queue; names = queue.Queue()")
        notebook.do("def who(reading): names.put(threading.current_thread())")
        notebook.do('extra = board.subscribe("temperature", who)')
        name = notebook.ask("names.get(timeout=10).name")
        assert re.fullmatch(r"'picolink .* callbacks'", name)  # as the notebook says

        notebook.run("end")
        notebook.run("plot")
        notebook.do("disconnect.click(); watcher.join(20)")  # ends the plot, too
        assert notebook.ask("board.connected, watcher.is_alive()") == "(False, False)"
        notebook.do('buttons["on"].click()')
        assert "closed here" in notebook.widget("lamp_state")["value"]

        assert lamp.value == 1
        notebook.do(  # as the README says of notebooks of one's own
            "async with picolink.aio.connect(ADDRESS) as board: await board.call('led_set', 'off')"
        )
        lamp.wait(0, timeout_s=10)


def alike(one: bytes, other: bytes) -> bool:
    """Whether two pictures show the same: older versions of matplotlib move all by a hair when they
    draw again."""
    with warnings.catch_warnings(action="ignore"):  # of what it imports
        from matplotlib.image import imread

    first, second = (imread(io.BytesIO(picture)) for picture in (one, other))
    difference = float(abs(first - second).mean()) if first.shape == second.shape else 1.0
    return difference < 0.01


def test_mqtt_only(world: World, tmp_path: Path) -> None:
    source = (FOLDER / "mqtt-only.ipynb").read_text("utf-8")
    assert not re.search(r"(import|from) picolink", source)
    main = (EXAMPLES / "mqtt" / "main.py").read_text("utf-8")
    with Mosquitto(tmp_path, users={"ann": "p@ss"}) as broker:
        there = broker.address.replace("//", "//ann:p%40ss@")
        bench = board(world, "bench", main.replace("mqtt://broker.local", there), "usb", "mqtt")
        environment = {"PICOLINK_BROKER": there, "PIP_NO_INDEX": "1"}  # nothing is fetched
        with running("mqtt-only.ipynb", tmp_path, **environment) as notebook:
            notebook.run("install")
            notebook.run("settings")
            for wrong, why in (("//YOUR-BROKER", "which broker"), ("//127.0.0.1:1", "refused")):
                notebook.do(f"BROKER = 'mqtt:{wrong}'")
                with pytest.raises(CellExecutionError, match=why):
                    notebook.run("connect")
            notebook.do(f"BROKER = {there.replace('p%40ss', 'guess')!r}")
            said = printed(notebook.run("connect"))
            assert "out of reach: the broker says Not authorized" in said
            notebook.do(f"BROKER = {there!r}")
            assert printed(notebook.run("connect")) == "lab42/bench is online\n"

            answered = notebook.run("call").outputs[0]["data"]["text/plain"]
            assert re.fullmatch(r"'2\d\.\d'", answered)
            bench.pin("LED").wait(1, timeout_s=10)
            notebook.run("toggle")
            bench.pin("LED").wait(0, timeout_s=10)
            with pytest.raises(CellExecutionError, match="BadArguments"):
                notebook.do('call("lamp", "purple")')

            plot = notebook.run("plot").outputs
            assert notebook.ask("len(readings), len(curve.get_xdata())") == "(12, 12)"
            assert len(plot) == 1, "one picture, which is renewed"
            picture = base64.b64decode(plot[0]["data"]["image/png"])
            assert picture.startswith(PNG)
            anew = base64.b64decode(notebook.do("figure").outputs[0]["data"]["image/png"])
            assert alike(picture, anew), "the picture is not the last, with all points"
            (tmp_path / "mqtt-only.png").write_bytes(picture)
            assert "12 readings" in printed(notebook.run("data"))
            with open(tmp_path / "temperature.csv", encoding="utf-8", newline="") as file:
                rows = list(csv.DictReader(file))
            assert len(rows) == 12 and all(15 < float(row["celsius"]) < 30 for row in rows)
            notebook.run("end")
            assert notebook.ask("client.is_connected()") == "False"
