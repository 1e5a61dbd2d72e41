"""What Thonny's window does with a board, in Thonny's own messages to its own back end; run by a
Python that has `thonny`.

usage: python thonny_session.py PORT PROGRAM: prints what the back end says, a line each
"""

import queue
import subprocess
import sys
import threading
from pathlib import Path

from thonny import get_backend_log_file
from thonny.common import (
    MESSAGE_MARKER,
    EOFCommand,
    ImmediateCommand,
    InlineCommand,
    ToplevelCommand,
    parse_message,
    serialize_message,
)
from thonny.plugins.rp2040 import rp2040_back

PATIENCE_S = 20


class Backend:
    """The back end for a Pico, as Thonny starts it."""

    def __init__(self, port: str) -> None:
        Path(get_backend_log_file()).parent.mkdir(parents=True, exist_ok=True)
        wishes = {
            "port": port, "clean": True, "interrupt_on_connect": True, "dtr": True, "rts": True,
            "submit_mode": "raw", "write_block_size": None, "write_block_delay": None,
            "sync_time": True, "validate_time": True, "local_rtc": True, "utc_clock": False,
        }  # fmt: skip
        self.process = subprocess.Popen(
            [sys.executable, "-u", rp2040_back.__file__, repr(wishes)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.messages = queue.Queue()
        threading.Thread(target=self.listen, daemon=True).start()
        self.until("ToplevelResponse")

    def listen(self) -> None:
        for line in self.process.stdout:
            if line.startswith(MESSAGE_MARKER):
                self.messages.put(parse_message(line))

    def until(self, event: str, text: str = "") -> None:
        """Waits for a message of this kind, with this text in it."""
        while True:
            message = self.messages.get(timeout=PATIENCE_S)
            print(message.event_type, *message.get("data", "").splitlines(), flush=True)
            if message.event_type == event and text in message.get("data", ""):
                return

    def ask(self, message: object, event: str = "ToplevelResponse", text: str = "") -> None:
        """Sends a message, and waits for the answer."""
        self.process.stdin.write(serialize_message(message) + "\n")
        self.process.stdin.flush()
        self.until(event, text)

    def end(self) -> None:
        self.process.terminate()
        self.process.wait()


def main(port: str, program: str) -> None:
    backend = Backend(port)
    try:
        backend.ask(ToplevelCommand("execute_source", source="print(6 * 7)"))
        backend.ask(ToplevelCommand("Run", source="import sys\nprint('ran on', sys.platform)\n"))
        backend.ask(
            ToplevelCommand("Run", source="print('busy')\nwhile True:\n    pass\n"),
            "ProgramOutput",
            "busy",
        )
        backend.ask(ImmediateCommand("interrupt"))
        backend.ask(
            InlineCommand(
                "write_file", id=1, path="/main.py", content_bytes=program.encode(), editor_id=1,
                blocking=True, description="", make_shebang_scripts_executable=False,
            ),
            "write_file_response",
        )  # fmt: skip
        backend.ask(EOFCommand(), "ProgramOutput", "listening on usb:")
    finally:
        backend.end()


if __name__ == "__main__":
    main(*sys.argv[1:])
