"""Who may read: where the dashboard listens, and sign-in."""

import ipaddress
import tomllib
from pathlib import Path

import streamlit as st

from core.errors import ConfigError
from core.settings import DashboardSettings

SECRETS = Path(".streamlit") / "secrets.toml"


def has_sign_in(secrets: Path = SECRETS) -> bool:
    """Whether an [auth] table for OIDC is configured. Raises ConfigError for a broken file."""
    if not secrets.is_file():
        return False
    try:
        return "auth" in tomllib.loads(secrets.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{secrets}: not valid TOML: {error}") from error


def is_loopback(address: str) -> bool:
    """Whether only this machine can reach the address."""
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def check_address(settings: DashboardSettings, *, secrets: Path = SECRETS) -> None:
    """Refuse to show a bot's data to a network without sign-in; raises ConfigError."""
    if is_loopback(settings.address) or has_sign_in(secrets):
        return
    if settings.allow_anyone_to_read_without_sign_in:
        return
    raise ConfigError(
        f"dashboard.address is {settings.address}: everybody who reaches it could read the "
        f"signals. Configure sign-in ([auth] in {secrets}), or write "
        "allow_anyone_to_read_without_sign_in = true into [dashboard] of align.toml"
    )


def require_sign_in() -> None:
    """Stop the page at a sign-in button until the reader is known, where sign-in is configured."""
    if not has_sign_in() or st.user.get("is_logged_in", False):
        return
    st.title("Align")
    st.write("Sign in to read this bot's data.")
    st.button("Sign in", type="primary", icon=":material/login:", on_click=st.login)
    st.stop()
