"""The clock of the command line and of the schedule."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    return datetime.now(UTC)
