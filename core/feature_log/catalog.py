"""Layouts of the feature log and what is known of their columns; the accounts of its files."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa

from core.feature_log.layout import Layout, Profile
from core.storage.tables import layout as layouts
from core.storage.tables import log_file
from core.storage.tables import watermark as watermarks

LOG = "feature_log"
_DRIFT_STEP = "feature_log_drift"


@dataclass(slots=True)
class Catalog:
    """Every layout seen from a bot: its database id and what its columns held."""

    ids: dict[Layout, int] = field(default_factory=dict)
    profiles: dict[Layout, Profile] = field(default_factory=dict)

    def by_id(self) -> dict[int, Layout]:
        return {number: layout for layout, number in self.ids.items()}


def add_counts(connection: sa.Connection, file_id: int, counts: Mapping[str, int]) -> None:
    """Add to the account of a file."""
    changed = {name: log_file.c[name] + count for name, count in counts.items() if count}
    if changed:
        connection.execute(sa.update(log_file).where(log_file.c.id == file_id).values(**changed))


def read_catalog(connection: sa.Connection, bot_id: int) -> Catalog:
    """Every layout of the bot's feature logs, in an order that depends on them alone."""
    catalog = Catalog()
    rows = connection.execute(
        sa.select(layouts.c.id, layouts.c.columns, layouts.c.profile)
        .where(layouts.c.bot_id == bot_id, layouts.c.kind == LOG)
        .order_by(layouts.c.hash)
    )
    for number, columns, profile in rows:
        layout = Layout(tuple(columns))
        catalog.ids[layout] = number
        catalog.profiles[layout] = Profile.from_document(profile, len(columns))
    return catalog


def add_layouts(
    connection: sa.Connection, bot_id: int, catalog: Catalog, seen: Iterable[Layout]
) -> None:
    """Keep layouts that were not known; the catalog knows them afterwards."""
    for layout in seen:
        if layout in catalog.ids:
            continue
        catalog.ids[layout] = connection.execute(
            sa.insert(layouts)
            .values(bot_id=bot_id, kind=LOG, hash=layout.hash, columns=list(layout.columns))
            .returning(layouts.c.id)
        ).scalar_one()
        catalog.profiles[layout] = Profile.empty(len(layout.columns))


def add_profiles(
    connection: sa.Connection, catalog: Catalog, profiles: Mapping[Layout, Profile]
) -> None:
    """Add what was learned of the columns of layouts."""
    for layout, profile in profiles.items():
        known = catalog.profiles[layout]
        merged = known.merge(profile)
        if merged.document() != known.document():
            catalog.profiles[layout] = merged
            connection.execute(
                sa.update(layouts)
                .where(layouts.c.id == catalog.ids[layout])
                .values(profile=merged.document())
            )


def drift_mark(connection: sa.Connection, bot_id: int) -> str | None:
    """What was known when drifted lines were last asked."""
    value = connection.execute(
        sa.select(watermarks.c.value).where(
            watermarks.c.bot_id == bot_id, watermarks.c.step == _DRIFT_STEP
        )
    ).scalar()
    return None if value is None else str(value)


def set_drift_mark(connection: sa.Connection, bot_id: int, mark: str) -> None:
    """Keep what was known when drifted lines were asked."""
    connection.execute(
        sa.delete(watermarks).where(watermarks.c.bot_id == bot_id, watermarks.c.step == _DRIFT_STEP)
    )
    connection.execute(sa.insert(watermarks).values(bot_id=bot_id, step=_DRIFT_STEP, value=mark))
