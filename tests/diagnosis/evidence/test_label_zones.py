from datetime import UTC, datetime, timedelta

import pytest

from core.diagnosis.evidence.label_zones import zone_of_shift

MARCH, JULY = datetime(2026, 3, 2, 12, tzinfo=UTC), datetime(2026, 7, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("configured", "moment", "hours", "zone"),
    [
        ("UTC", MARCH, -9, "Asia/Seoul"),
        ("UTC", MARCH, -1, "Europe/Berlin"),
        ("UTC", JULY, -1, "Europe/London"),
        ("Asia/Seoul", MARCH, 9, "UTC"),
        ("UTC", MARCH, -5.5, "Asia/Kolkata"),
        ("UTC", MARCH, -7, None),
        (None, MARCH, -9, None),
    ],
)
def test_a_zone_explains_the_shift_that_it_makes_at_that_moment(
    configured: str | None, moment: datetime, hours: float, zone: str | None
) -> None:
    assert zone_of_shift(configured, moment, hours * HOUR) == zone
