"""align.toml and ALIGN_ variables → frozen Settings.

Order: environment over file over defaults. An unknown key stops the start with
its name. Paths in the file are relative to the file and come out absolute.
"""

import itertools
import os
import tomllib
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from core.errors import ConfigError
from core.foreign_text import cut_short
from core.line_pattern import compile_pattern
from core.market import REPLAY
from core.masking import mask_secrets
from core.regular_file import read_regular
from core.times import Timeframe

DEFAULT_CONFIG = Path("align.toml")
_SHOWN = 80  # characters of a value that a sentence repeats


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # OSError: too long a name
        raise ValueError(
            f'unknown time zone "{name[:_SHOWN]}": write an IANA name, e.g. "UTC"'
        ) from error
    return name


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no zone: write e.g. {moment.isoformat()}Z")
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{moment.isoformat()} is no time that a candle can have") from error


def _as_tuple(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


Zone = Annotated[str, AfterValidator(_known_zone)]
UtcTime = Annotated[datetime, AfterValidator(_utc)]
Names = Annotated[tuple[str, ...], BeforeValidator(_as_tuple)]
Ratio = Annotated[float, Field(ge=0, le=1)]
Name = Annotated[str, Field(min_length=1)]


class SignalFormat(StrEnum):
    """How the lines of a signal log are read."""

    TEXT = "text"
    CSV = "csv"
    JSONL = "jsonl"
    FEATURE_LOG = "feature_log"  # columns of the feature log


class Mode(StrEnum):
    """What a recomputed candle is in its frame: the last row of its own, or one of a day's."""

    WINDOW = "window"
    FRAME = "frame"


class GapPolicy(StrEnum):
    """Whether a frame may have candles missing inside."""

    REFUSE = "refuse"
    ALLOW = "allow"


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class FeatureLogSettings(_Table):
    """The bot's feature files; columns are named as the header names them."""

    paths: Names
    candle_open: str = "time"
    zone: Zone = "UTC"
    logged_at: Names = ()
    open: str = "open"
    high: str = "high"
    low: str = "low"
    close: str = "close"
    volume: str = "volume"
    not_features: Names = ()


class SignalLogSettings(_Table):
    """One place where the bot wrote the signals that it acted on."""

    name: Name
    paths: Names = ()
    format: SignalFormat
    pattern: str | None = None
    label_zone: Zone = "UTC"
    logged_at_zone: Zone = "UTC"
    candle_open: str = "timestamp"
    logged_at: str | None = None
    zone: Zone = "UTC"
    long: str = "long"
    short: str = "short"
    price: str = "price"

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.format is SignalFormat.TEXT and not self.pattern:
            raise ValueError('format "text" needs a pattern with the groups label, long, short')
        if self.format is SignalFormat.TEXT:
            compile_pattern(self.pattern or "")
        if self.format is not SignalFormat.FEATURE_LOG and not self.paths:
            raise ValueError(f'format "{self.format}" needs paths')
        return self


class RuleSettings(_Table):
    """Entries and exits; every constant of the rule is configuration."""

    long_threshold: Ratio = 0.70
    short_threshold: Ratio = 0.70
    long_avg_return: float = 0.0041
    short_avg_return: float = 0.0047
    gate: float = 0.001
    exit_threshold: Ratio | None = None
    max_hold_bars: int | None = Field(default=None, gt=0)
    stop_loss_ratio: float | None = Field(default=None, gt=0)
    leverage: float = Field(default=1.0, gt=0)
    fee_ratio: float = Field(default=0.0, ge=0)

    def override(self, changes: "RuleChanges | None") -> "RuleSettings":
        """This rule with the constants that `changes` sets."""
        if changes is None:
            return self
        return self.model_copy(update=changes.model_dump(exclude_unset=True))


class RuleChanges(_Table):
    """What differs from [bots.rule]; unset constants stay."""

    long_threshold: Ratio | None = None
    short_threshold: Ratio | None = None
    long_avg_return: float | None = None
    short_avg_return: float | None = None
    gate: float | None = None
    exit_threshold: Ratio | None = None
    max_hold_bars: int | None = None
    stop_loss_ratio: float | None = None
    leverage: float | None = None
    fee_ratio: float | None = None


class DeploymentSettings(_Table):
    """Which bundle was live from when (inclusive) until when (exclusive)."""

    bundle: str
    since: UtcTime = Field(alias="from")
    until: UtcTime | None = None
    rule: RuleChanges | None = None


class CandleSourceSettings(_Table):
    """One source of candles: files, an exchange, or both."""

    name: Name
    paths: Names = ()
    fetch: str | None = None
    candle_open: str | None = None
    zone: Zone = "UTC"

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if not self.paths and self.fetch is None:
            raise ValueError(f'candles "{self.name}" needs paths or fetch')
        if self.fetch is not None and self.fetch != "bingx" and not self.fetch.startswith("ccxt:"):
            raise ValueError(f'fetch "{self.fetch}" is unknown: write "bingx" or "ccxt:<exchange>"')
        return self


class BacktestSettings(_Table):
    """What the backtest said: recomputed by a pipeline, or imported."""

    name: Name
    pipeline: str | None = None
    lookback_bars: int | None = Field(default=None, gt=0)
    mode: Mode = Mode.WINDOW
    candles: str | None = None
    bundle: str | None = None
    tolerance: Ratio = 0.1
    rule: RuleChanges | None = None
    time_limit_s: float = Field(default=120, gt=0)
    budget_s: float = Field(default=600, gt=0)
    memory_limit_mb: int = Field(default=4096, ge=256)
    gap_policy: GapPolicy = GapPolicy.REFUSE
    signals: str | None = None
    features: str | None = None
    candle_open: str = "timestamp"
    zone: Zone = "UTC"

    @property
    def is_imported(self) -> bool:
        return self.signals is not None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.name == REPLAY:
            raise ValueError(
                f'a backtest cannot be named "{REPLAY}": that is a comparison of its own'
            )
        if (self.pipeline is None) == (self.signals is None):
            raise ValueError(f'backtest "{self.name}" needs either pipeline or signals')
        if self.pipeline is not None and self.lookback_bars is None:
            raise ValueError(f'backtest "{self.name}" needs lookback_bars')
        return self


class BotSettings(_Table):
    """One production deployment."""

    name: Name
    exchange: str | None = None
    symbol: str | None = None
    timeframe: str = "5m"
    target_days: int = Field(default=7, gt=0)
    success_target_ratio: Ratio = 0.99
    bundles: Names = ()
    pipeline_path: Names = (".",)
    replay_tolerance: Ratio | None = None
    feature_log: FeatureLogSettings | None = None
    signal_log: tuple[SignalLogSettings, ...] = ()
    deployments: tuple[DeploymentSettings, ...] = ()
    rule: RuleSettings = RuleSettings()
    candles: tuple[CandleSourceSettings, ...] = ()
    backtests: tuple[BacktestSettings, ...] = ()

    @property
    def frame(self) -> Timeframe:
        return Timeframe.parse(self.timeframe)

    @property
    def comparisons(self) -> tuple[str, ...]:
        """Configured comparisons in order: replay where there is a signal log, then backtests."""
        replay = (REPLAY,) if self.signal_log else ()
        return replay + tuple(backtest.name for backtest in self.backtests)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        self._check_names()
        self._check_deployments()
        if self.timeframe:
            try:
                Timeframe.parse(self.timeframe)
            except ConfigError as error:
                raise ValueError(str(error)) from error
        sources = {source.name for source in self.candles} | {"feature_log"}
        for backtest in self.backtests:
            if backtest.candles is not None and backtest.candles not in sources:
                raise ValueError(
                    f'backtest "{backtest.name}": no candles named "{backtest.candles}" '
                    f"(known: {', '.join(sorted(sources))})"
                )
        return self

    def _check_names(self) -> None:
        for kind, names in (
            ("signal_log", [log.name for log in self.signal_log]),
            ("candles", [source.name for source in self.candles]),
            ("backtests", [backtest.name for backtest in self.backtests]),
        ):
            twice = {name for name in names if names.count(name) > 1}
            if twice:
                raise ValueError(f"{kind}: the name {', '.join(sorted(twice))} stands twice")

    def _check_deployments(self) -> None:
        ordered = sorted(self.deployments, key=lambda deployment: deployment.since)
        for earlier, later in itertools.pairwise(ordered):
            if earlier.until is not None and earlier.until > later.since:
                raise ValueError(
                    f"deployments overlap: {earlier.bundle} until {earlier.until.isoformat()}, "
                    f"{later.bundle} from {later.since.isoformat()}"
                )


class CollectorSettings(_Table):
    """When the scheduled service works."""

    delay_s: int = Field(default=20, ge=0)


class DashboardSettings(_Table):
    """Where the dashboard listens, and who may read once signed in."""

    address: str = "127.0.0.1"
    port: int = Field(default=8501, ge=1, le=65535)
    allow_anyone_to_read_without_sign_in: bool = False
    allowed_emails: Names = ()
    allowed_domains: Names = ()


class Settings(BaseSettings):
    """Everything that can be configured; read once at start."""

    model_config = SettingsConfigDict(
        env_prefix="ALIGN_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    database_url: str = "sqlite:///align.db"
    display_zone: Zone = "UTC"
    bots: tuple[BotSettings, ...] = ()
    collector: CollectorSettings = CollectorSettings()
    dashboard: DashboardSettings = DashboardSettings()

    @model_validator(mode="after")
    def _unique_bots(self) -> Self:
        names = [bot.name for bot in self.bots]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(f"bots: the name {', '.join(sorted(twice))} stands twice")
        return self

    def bot(self, name: str) -> BotSettings:
        """The configured bot of this name; raises ConfigError when there is none."""
        for bot in self.bots:
            if bot.name == name:
                return bot
        known = ", ".join(bot.name for bot in self.bots) or "none"
        raise ConfigError(f'no bot named "{name}" in the configuration (known: {known})')

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (env_settings, init_settings)


def config_path(argument: Path | None = None) -> Path:
    """The configuration file: the argument, else ALIGN_CONFIG, else align.toml here."""
    if argument is not None:
        return argument.absolute()
    return Path(os.environ.get("ALIGN_CONFIG") or DEFAULT_CONFIG).absolute()


def load_settings(path: Path | None = None) -> Settings:
    """Read align.toml and the environment; raises ConfigError that names the key and the file."""
    file = config_path(path)
    if not file.is_file():
        raise ConfigError(
            f"{file}: no such configuration file; copy align.example.toml there, "
            "or name another with --config or ALIGN_CONFIG"
        )
    try:
        # utf-8-sig: editors of Windows write a byte order mark
        settings = Settings(**tomllib.loads(read_regular(file).decode("utf-8-sig")))
    except SettingsError as error:
        raise ConfigError(f"an ALIGN_ variable is not as JSON writes it: {error}") from error
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from error
    except RecursionError as error:
        raise ConfigError(f"{file}: nested too deeply; write it flat") from error
    except ValidationError as error:
        raise ConfigError(f"{file}: {_explain(error)}") from error
    except ValueError as error:  # tomllib.TOMLDecodeError, UnicodeDecodeError
        raise ConfigError(f"{file}: not valid TOML: {error}") from error
    return _with_absolute_paths(settings, file.parent)


def _explain(error: ValidationError) -> str:
    """Every mistake in one line each: where, what, and the value."""
    lines = []
    for item in error.errors():
        place = ".".join(str(part) for part in item["loc"]) or "file"
        if item["type"] == "extra_forbidden":
            lines.append(f'unknown key "{place}"; remove it or correct its spelling')
        else:
            message = item["msg"].removeprefix("Value error, ")
            shown = "" if item["type"] in _NO_INPUT else _got(place, item["input"])
            lines.append(f"{place}: {message}{shown}")
    return "; ".join(lines)


_NO_INPUT = {"missing", "value_error"}


def _got(place: str, value: Any) -> str:
    """The value of a mistake; nothing that stands inside another, and never a secret key's."""
    if isinstance(value, dict):
        shown = "a table"
    elif isinstance(value, (list, tuple)):
        shown = "a list"
    elif place == "database_url":
        shown = f"a value of type {type(value).__name__}"
    else:
        shown = cut_short(mask_secrets(repr(value)), _SHOWN)
    return f" (got {shown})"


def _with_absolute_paths(settings: Settings, folder: Path) -> Settings:
    return settings.model_copy(
        update={
            "database_url": _absolute_url(settings.database_url, folder),
            "bots": tuple(_bot_with_absolute_paths(bot, folder) for bot in settings.bots),
        }
    )


def _absolute(path: str, folder: Path) -> str:
    return os.path.normpath(folder / Path(path).expanduser())


def _absolute_url(url: str, folder: Path) -> str:
    prefix = "sqlite:///"
    if url.startswith(prefix) and url not in (prefix, prefix + ":memory:"):
        return prefix + _absolute(url.removeprefix(prefix), folder)
    return url


def _bot_with_absolute_paths(bot: BotSettings, folder: Path) -> BotSettings:
    def absolute(paths: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_absolute(path, folder) for path in paths)

    def bundle(name: str | None) -> str | None:
        return None if name is None else _absolute(name, folder)

    log = bot.feature_log
    return bot.model_copy(
        update={
            "bundles": absolute(bot.bundles),
            "pipeline_path": absolute(bot.pipeline_path),
            "feature_log": log and log.model_copy(update={"paths": absolute(log.paths)}),
            "signal_log": tuple(
                entry.model_copy(update={"paths": absolute(entry.paths)})
                for entry in bot.signal_log
            ),
            "deployments": tuple(
                entry.model_copy(update={"bundle": bundle(entry.bundle)})
                for entry in bot.deployments
            ),
            "candles": tuple(
                entry.model_copy(update={"paths": absolute(entry.paths)}) for entry in bot.candles
            ),
            "backtests": tuple(
                entry.model_copy(
                    update={
                        "bundle": bundle(entry.bundle),
                        "signals": bundle(entry.signals),
                        "features": bundle(entry.features),
                    }
                )
                for entry in bot.backtests
            ),
        }
    )
