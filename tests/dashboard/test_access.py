import subprocess
import sys
from pathlib import Path

import pytest

from core.errors import ConfigError
from core.settings import DashboardSettings, Settings
from dashboard.__main__ import streamlit_command
from dashboard.access import check_address, has_sign_in, is_loopback, may_read

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("address", ["127.0.0.1", "localhost", "::1", "127.1.2.3"])
def test_this_machine_alone_is_always_allowed(address: str, tmp_path: Path) -> None:
    assert is_loopback(address)
    check_address(DashboardSettings(address=address), secrets=tmp_path / "none.toml")


@pytest.mark.parametrize("address", ["0.0.0.0", "192.168.1.5", "::", "bot.example.com"])
def test_another_address_is_refused_without_sign_in(address: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="allow_anyone_to_read_without_sign_in"):
        check_address(DashboardSettings(address=address), secrets=tmp_path / "none.toml")


def test_another_address_is_allowed_in_so_many_words_or_with_sign_in(tmp_path: Path) -> None:
    open_to_all = DashboardSettings(address="0.0.0.0", allow_anyone_to_read_without_sign_in=True)
    check_address(open_to_all, secrets=tmp_path / "none.toml")
    secrets = tmp_path / "secrets.toml"
    secrets.write_text("[auth]\nredirect_uri = 'http://localhost:8501/oauth2callback'\n")
    assert has_sign_in(secrets)
    named = DashboardSettings(address="0.0.0.0", allowed_domains=("example.com",))
    check_address(named, secrets=secrets)
    for address in ("0.0.0.0", "127.0.0.1"):
        with pytest.raises(ConfigError, match="everybody whom the provider knows"):
            check_address(DashboardSettings(address=address), secrets=secrets)


@pytest.mark.parametrize(
    ("claims", "may"),
    [
        ({"email": "ann@example.com"}, True),
        ({"email": "ANN@Example.com", "email_verified": True}, True),
        ({"email": "ann@example.com", "email_verified": False}, False),
        ({"email": "bob@fund.example"}, True),
        ({"email": "eve@sub.fund.example"}, False),
        ({"email": "fund.example"}, False),
        ({"email": "eve@example.com"}, False),
        ({"email": None}, False),
        ({}, False),
    ],
)
def test_only_named_addresses_may_read(claims: dict[str, object], may: bool) -> None:
    settings = DashboardSettings(
        allowed_emails=("ann@example.com",), allowed_domains=("@Fund.example",)
    )
    assert may_read(claims, settings) is may


def test_secrets_without_auth_are_no_sign_in(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets.toml"
    secrets.write_text("[other]\nkey = 1\n")
    assert not has_sign_in(secrets)
    secrets.write_text("not toml =")
    with pytest.raises(ConfigError, match="not valid TOML"):
        has_sign_in(secrets)


def test_the_server_is_told_where_to_listen_and_whom_to_answer() -> None:
    settings = Settings(dashboard=DashboardSettings(port=9000))
    command = streamlit_command(settings)
    assert "--server.address=127.0.0.1" in command
    assert "--server.port=9000" in command
    assert "--server.allowedHosts=127.0.0.1" in command
    assert "--server.port=9001" in streamlit_command(settings, 9001)


def test_the_command_line_refuses_in_one_sentence(tmp_path: Path) -> None:
    config = tmp_path / "align.toml"
    config.write_text('[dashboard]\naddress = "0.0.0.0"\n')
    for arguments, said in (
        (["--config", str(config)], "allow_anyone_to_read_without_sign_in"),
        (["--config", str(tmp_path / "none.toml")], "no such configuration file"),
        (["--config", str(config), "--port", "99999"], "no port"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "dashboard", *arguments],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 2
        assert said in done.stderr
        assert "Traceback" not in done.stderr
