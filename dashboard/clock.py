"""The dashboard's one clock, so that tests can stop it."""

from datetime import UTC, datetime


def now() -> datetime:
    return datetime.now(UTC)
