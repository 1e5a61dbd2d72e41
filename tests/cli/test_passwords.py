"""The command line shows nothing of a password, whatever it is asked and whatever goes wrong."""

from __future__ import annotations

import pytest

from picolink.cli.main import main

CPYTHON_ONLY = "the command line"

COMMANDS = [
    ["call", "ADDRESS", "led_set"], ["read", "ADDRESS", "t"], ["watch", "ADDRESS", "t"],
    ["describe", "ADDRESS"], ["stats", "ADDRESS"], ["time", "ADDRESS"], ["log", "ADDRESS"],
    ["bench", "ADDRESS"], ["doctor", "ADDRESS"], ["doctor", "--json", "ADDRESS"],
    ["selftest", "ADDRESS"], ["install", "ADDRESS"], ["uninstall", "ADDRESS"],
    ["mqtt", "ca", "ADDRESS"], ["devices", "--quick", "ADDRESS"],
]  # fmt: skip
ADDRESSES = [
    "mqtt://ann:S3cr3t@127.0.0.1:1/lab/x", "mqtt://ann:p@S3cr3t@127.0.0.1:1/lab/x",
    "mqtt://ann:p%40S3cr3t@127.0.0.1:1/lab/x", "mqtt://ann:p/S3cr3t@127.0.0.1:1/lab/x",
    "mqtt://ann:1/S3cr3t@127.0.0.1:1/lab/x", "mqtt://ann:p#S3cr3t@127.0.0.1:1/lab/x",
    "mqtt://ann:p?S3cr3t@127.0.0.1:1/lab/x", "mqtt://ann:S3cr3t%zz@127.0.0.1:1/lab/x",
    "mqtts://ann:S3cr3t@127.0.0.1:1/lab/x", "mqtt://ann:S3cr3t@127.0.0.1:1", "mqtt://ann:S3cr3t",
    "mqtt-listen://ann:S3cr3t@127.0.0.1:1/lab/x", "http://ann:S3cr3t@127.0.0.1:1/x",
    "MQTT://ann:S3cr3t@127.0.0.1:1/x", "ann:S3cr3t@127.0.0.1",
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command))
def test_no_part_of_a_password_is_shown(
    command: list[str], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PICOLINK_DISCOVER", "")  # nobody is looked for
    for address in ADDRESSES:
        try:
            main([address if part == "ADDRESS" else part for part in command])
        except SystemExit:
            pass
        out, err = capfd.readouterr()
        assert "S3cr3t" not in out + err, (address, out, err)
