"""What the image installs is what is tested, and nothing secret is copied into it."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NAME = re.compile(r"^([A-Za-z0-9_.-]+)==([^\s;\\]+)", re.MULTILINE)


def pins(name: str) -> dict[str, str]:
    """Versions by name, as pip compares names."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return {
        re.sub(r"[-_.]+", "-", package).lower(): version for package, version in NAME.findall(text)
    }


def test_the_lock_holds_every_pinned_package_at_its_version_with_hashes() -> None:
    locked = pins("requirements.lock")
    assert pins("requirements.txt").items() <= locked.items()
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    for block in re.split(r"^(?=\S+==)", text, flags=re.MULTILINE)[1:]:
        assert "--hash=sha256:" in block, block.splitlines()[0]
    assert "://" not in text  # no address of an index


@pytest.mark.parametrize("package", ["streamlit", "xgboost-cpu", "authlib", "psycopg-binary"])
def test_the_lock_holds_what_the_image_needs(package: str) -> None:
    assert package in pins("requirements.lock")


def test_the_image_copies_settings_and_no_secret() -> None:
    copied = re.findall(r"^COPY (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert ".streamlit/config.toml" in copied
    assert not [source for source in copied if source.rstrip("/") in (".", ".streamlit")]
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert ".streamlit/secrets.toml" in ignored


def test_the_base_image_is_named_by_its_digest() -> None:
    (base,) = re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert re.fullmatch(r"python:3\.11-slim@sha256:[0-9a-f]{64}", base)
