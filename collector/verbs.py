"""What each verb of the command line does; each returns an exit code.

A verb imports what it alone needs by itself: `status` is asked often, and starts in a moment.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import sqlalchemy as sa

from collector.now import utc_now
from collector.text import diagnosis_text, status_text
from core.bots import bot_id
from core.errors import ConfigError, StorageError
from core.market import REPLAY
from core.settings import BotSettings, Settings, load_settings
from core.signal_log.reads import SignalLogAccount, signal_log_accounts
from core.status import status_document
from core.storage.engine import reader_engine, snapshot
from core.storage.schema_state import REMEDY, SchemaState, schema_state


def once(options: argparse.Namespace) -> int:
    """One full cycle of every bot."""
    from collector.jobs import align_all, open_database
    from collector.lock import database_lock
    from collector.progress import watcher
    from collector.stop import Stop

    settings = _settings_with_bots(options)
    stop = Stop()
    stop.install(interrupts=True)
    with database_lock(settings.database_url):
        engine = open_database(settings.database_url)
        stop.watch(engine)
        is_done = align_all(engine, settings, progress=watcher())
        engine.dispose()
    return 0 if is_done else 1


def run(options: argparse.Namespace) -> int:
    """The scheduled service, until SIGTERM or Ctrl-C."""
    from collector.jobs import open_database
    from collector.lock import database_lock
    from collector.schedule import Service
    from collector.stop import Stop

    settings = _settings_with_bots(options)
    stop = Stop()
    stop.install(interrupts=False)
    with database_lock(settings.database_url):
        engine = open_database(settings.database_url)
        stop.watch(engine)
        Service(engine, settings, stop).run()
        engine.dispose()
    return 0


def status(options: argparse.Namespace) -> int:
    """The state of every bot, as text or JSON."""
    settings = load_settings(options.config)
    with _reading(settings) as connection:
        document = status_document(
            connection,
            settings,
            now=utc_now(),
            bot=options.bot,
            from_=options.from_,
            until=options.until,
        )
        logs = {} if options.json else _signal_logs(connection, settings)
    _print(document, as_json=options.json, text=partial(status_text, logs=logs))
    return 0


def diagnose(options: argparse.Namespace) -> int:
    """Findings for a window of one bot and comparison."""
    settings = load_settings(options.config)
    bot = _one_bot(settings, options.bot)
    comparison = _comparison(bot, options.comparison)
    from core.diagnosis.diagnose import diagnose as diagnose_window
    from core.recompute.stored_cache import ReadCache

    with _reading(settings) as connection:
        number = bot_id(connection, bot.name)
        if number is None:
            raise StorageError(f'nothing is stored of bot "{bot.name}" yet; run the collector')
        diagnosis = diagnose_window(
            connection,
            number,
            bot,
            comparison=comparison,
            from_=options.from_,
            until=options.until,
            now=utc_now(),
            cache=ReadCache(connection),
        )
    _print(diagnosis.document(), as_json=options.json, text=diagnosis_text)
    return 0


def export(options: argparse.Namespace) -> int:
    """Data out, to a file or to standard output."""
    from collector.export_formats import write_table
    from collector.export_tables import TABLES

    settings = load_settings(options.config)
    bots = settings.bots if options.bot is None else (settings.bot(options.bot),)
    with _reading(settings) as connection:
        table = TABLES[options.what](connection, bots, (options.from_, options.until))
        write_table(table, options.format, options.out)
    return 0


def convert_model(options: argparse.Namespace) -> int:
    """Models of one side or both into a bundle folder."""
    from core.bundle.convert import SideFiles
    from core.bundle.convert import convert_model as convert

    def files(side: str) -> SideFiles | None:
        model, scaler, features = (
            getattr(options, name) for name in (side, f"{side}_scaler", f"{side}_features")
        )
        return None if model is None else SideFiles(model, scaler, features)

    convert(options.out, long=files("long"), short=files("short"))
    return 0


def demo(options: argparse.Namespace) -> int:
    """A simulated bot's workspace."""
    from demo.workspace import build_workspace

    build_workspace(options.dir, now=utc_now(), faults=tuple(options.fault))
    return 0


VERBS: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "once": once,
    "run": run,
    "status": status,
    "diagnose": diagnose,
    "export": export,
    "convert-model": convert_model,
    "demo": demo,
}


@contextmanager
def _reading(settings: Settings) -> Iterator[sa.Connection]:
    """One consistent view of the database, beside a running collector. Raises StorageError."""
    engine = reader_engine(settings.database_url)
    try:
        with snapshot(engine) as connection:
            state = schema_state(connection)
            if state is not SchemaState.CURRENT:
                raise StorageError(REMEDY[state])
            yield connection
    finally:
        engine.dispose()


def _signal_logs(
    connection: sa.Connection, settings: Settings
) -> dict[str, tuple[SignalLogAccount, ...]]:
    """The account of every signal log of the bots that something is stored of."""
    accounts = {}
    for bot in settings.bots:
        number = bot_id(connection, bot.name)
        if number is not None:
            logs = [log.name for log in bot.signal_log]
            accounts[bot.name] = signal_log_accounts(connection, number, logs)
    return accounts


def _settings_with_bots(options: argparse.Namespace) -> Settings:
    settings = load_settings(options.config)
    if not settings.bots:
        raise ConfigError("no [[bots]] is configured: there is nothing to collect")
    return settings


def _one_bot(settings: Settings, name: str | None) -> BotSettings:
    if name is not None:
        return settings.bot(name)
    if len(settings.bots) != 1:
        known = ", ".join(bot.name for bot in settings.bots) or "none"
        raise ConfigError(f"--bot is needed to choose one of the configured bots ({known})")
    return settings.bots[0]


def _comparison(bot: BotSettings, name: str | None) -> str:
    """The comparison asked for; without a name the first backtest, else replay."""
    known = bot.comparisons
    if name is not None and name not in known:
        raise ConfigError(
            f'bot "{bot.name}" has no comparison "{name}" (known: {", ".join(known) or "none"})'
        )
    if not known:
        raise ConfigError(
            f'bot "{bot.name}" has no comparison: configure a signal log or a backtest'
        )
    backtests = [entry.name for entry in bot.backtests]
    return name or (backtests or [REPLAY])[0]


def _print(
    document: dict[str, Any], *, as_json: bool, text: Callable[[dict[str, Any]], str]
) -> None:
    shown = json.dumps(document, ensure_ascii=False, allow_nan=False) if as_json else text(document)
    sys.stdout.write(shown + "\n")
