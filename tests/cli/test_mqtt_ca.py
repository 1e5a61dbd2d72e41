"""`picolink mqtt ca`: what it stores makes a board, and this computer, trust the broker."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from brokers import Certificates, Mosquitto

from picolink.cli.main import main
from picolink.links.mqtt import Client

CPYTHON_ONLY = "real brokers"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.mark.parametrize("name", ["root.pem", "root.der", ""])
def test_the_root_is_stored(
    certificates: Certificates, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch, name: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    with Mosquitto(tmp_path, tls=certificates.leaf()) as broker:
        host = f"127.0.0.1:{broker.port}"
        arguments = ["mqtt", "ca", host, "--ca", str(certificates.root)]
        assert main([*arguments, *(["-o", name] if name else [])]) == 0
        said = capsys.readouterr().out
        file = tmp_path / (name or "127.0.0.1.der")
        assert (
            f"{file.name}: picolink test root, valid until" in said
            and f"mqtts://USER:PASSWORD@{host}/" in said
        )
        stored = file.read_bytes()
        assert (
            stored
            == (certificates.root if name == "root.pem" else certificates.root_der).read_bytes()
        )

        async def trusts() -> None:
            client = await Client(broker.address, ca=str(file)).connect()
            await client.close()

        asyncio.run(trusts())
        assert main([*arguments, "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["certificates"] == 3 and told["root"].startswith("picolink test")


def test_what_is_not_to_be_trusted_is_not_stored(
    certificates: Certificates, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    with Mosquitto(tmp_path, tls=certificates.leaf()) as broker:
        host = f"127.0.0.1:{broker.port}"
        assert main(["mqtt", "ca", host]) == 3
        assert "unable to get local issuer" in capsys.readouterr().err
        assert main(["mqtt", "ca", host, "--ca", str(tmp_path / "none")]) == 2
        assert main(["mqtt", "ca", "127.0.0.1:1"]) == 3
    (tmp_path / "plain").mkdir()
    with Mosquitto(tmp_path / "plain") as broker:
        assert main(["mqtt", "ca", f"127.0.0.1:{broker.port}"]) == 3
        assert "port for TLS" in capsys.readouterr().err
    assert not [*tmp_path.glob("*.der"), *tmp_path.glob("*.pem")]
