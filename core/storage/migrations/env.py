"""Alembic environment: runs on the connection that `migrate` hands over."""

from typing import Any, Literal

from alembic import context

from core.storage import tables


def _render_item(kind: str, item: Any, autogen_context: Any) -> str | Literal[False]:
    if kind == "type" and type(item).__module__ == tables.__name__:
        name = type(item).__name__
        autogen_context.imports.add(f"from core.storage.tables import {name}")
        return f"{name}()"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=tables.metadata,
    render_as_batch=True,
    render_item=_render_item,
)
with context.begin_transaction():
    context.run_migrations()
