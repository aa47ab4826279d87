"""Who may read: where the dashboard listens, and sign-in."""

import ipaddress
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

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
    """Refuse to show a bot's data to people whom nobody named; raises ConfigError."""
    if has_sign_in(secrets):
        if settings.allowed_emails or settings.allowed_domains:
            return
        raise ConfigError(
            "sign-in alone would let in everybody whom the provider knows: name who may read, "
            'allowed_emails = ["you@example.com"] or allowed_domains = ["example.com"] in '
            "[dashboard] of align.toml"
        )
    if is_loopback(settings.address) or settings.allow_anyone_to_read_without_sign_in:
        return
    raise ConfigError(
        f"dashboard.address is {settings.address}: everybody who reaches it could read the "
        f"signals. Configure sign-in ([auth] in {secrets}), or write "
        "allow_anyone_to_read_without_sign_in = true into [dashboard] of align.toml"
    )


def may_read(claims: Mapping[str, Any], settings: DashboardSettings) -> bool:
    """Whether the provider vouches for an address that the configuration names.

    An address that the provider says is not verified is nobody's; letter case says nothing.
    """
    email = str(claims.get("email") or "").strip().casefold()
    _, at, domain = email.rpartition("@")
    if not at or claims.get("email_verified") is False:
        return False
    emails = {name.casefold() for name in settings.allowed_emails}
    domains = {name.casefold().removeprefix("@") for name in settings.allowed_domains}
    return email in emails or domain in domains


def require_sign_in(settings: DashboardSettings) -> None:
    """Stop the page until the reader is known and may read, where sign-in is configured."""
    if not has_sign_in():
        return
    if not st.user.get("is_logged_in", False):
        st.title("Align")
        st.write("Sign in to read this bot's data.")
        st.button("Sign in", type="primary", icon=":material/login:", on_click=st.login)
        st.stop()
    if not may_read(st.user.to_dict(), settings):
        st.title("Align")
        st.write("This account may not read here. Ask whoever runs this page to name its address.")
        st.button("Sign out", icon=":material/logout:", on_click=st.logout)
        st.stop()


def may_see_code(settings: DashboardSettings) -> bool:
    """Whether the text of a trader's own code may be shown: signed in, or on this machine alone."""
    return has_sign_in() or is_loopback(settings.address)
