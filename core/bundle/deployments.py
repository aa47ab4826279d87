"""Which bundle and which rule were live on a candle.

A candle is scored when it has closed, so the deployment in force at its close counts:
`from` ≤ candle close < `until`.
"""

import glob
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from core.arrays import Flags, Ints
from core.bundle.manifest import MANIFEST, read_manifest
from core.errors import BundleError
from core.rule import RULE_CONSTANTS
from core.settings import BotSettings, RuleSettings
from core.times import END_OF_TIME, to_us, us_from_index

_ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class LiveOpens:
    """Candle opens (stored µs) on which something was live: `since` ≤ open < `until`."""

    since: int
    until: int

    def hold(self, opens: Ints) -> Flags:
        """Which of these candles are among them."""
        return np.asarray((opens >= self.since) & (opens < self.until))


ALL_OPENS = LiveOpens(-END_OF_TIME, END_OF_TIME)


@dataclass(frozen=True, slots=True)
class DeploymentSpan:
    """A bundle with its rule, live for candles that closed from `since` until before `until`."""

    bundle_path: Path
    since: datetime
    until: datetime | None
    rule: RuleSettings

    def opens(self, length_us: int) -> LiveOpens:
        """The candles of this span."""
        until = END_OF_TIME if self.until is None else to_us(self.until) - length_us
        return LiveOpens(to_us(self.since) - length_us, until)


@dataclass(frozen=True, slots=True)
class LiveBundles:
    """The spans in order; `problem` says why there is none, as a sentence."""

    spans: tuple[DeploymentSpan, ...]
    problem: str | None = None


def deployment_spans(bot: BotSettings) -> tuple[DeploymentSpan, ...]:
    """The configured deployments in order of time; an open end reaches to the next one."""
    ordered = sorted(bot.deployments, key=lambda deployment: deployment.since)
    spans = []
    for place, entry in enumerate(ordered):
        until = entry.until
        if place + 1 < len(ordered) and until is None:
            until = ordered[place + 1].since
        if until is None or until > entry.since:
            rule = bot.rule.override(entry.rule)
            spans.append(DeploymentSpan(Path(entry.bundle), entry.since, until, rule))
    return tuple(spans)


def live_bundles(bot: BotSettings) -> LiveBundles:
    """What was live when: the deployments, else the only known bundle, always.

    With several known bundles and no deployment nothing is assumed to be live.
    """
    spans = deployment_spans(bot)
    if spans:
        return LiveBundles(spans)
    paths = known_bundles(bot)
    if not paths:
        return LiveBundles(
            (), "no bundle is configured: name one in bundles or in [[bots.deployments]]"
        )
    by_hash: dict[str, Path] = {}
    for path in paths:
        by_hash.setdefault(_hash(path), path)
    if len(by_hash) == 1:
        return LiveBundles((DeploymentSpan(paths[0], _ALWAYS, None, bot.rule),))
    names = ", ".join(path.name for path in paths)
    return LiveBundles(
        (),
        f"{len(by_hash)} bundles are known ({names}) and no [[bots.deployments]] says which "
        "one was live",
    )


def known_bundles(bot: BotSettings) -> tuple[Path, ...]:
    """Folders with a bundle.json that `bundles` matches, then those of the deployments."""
    folders: dict[Path, None] = {}
    for pattern in bot.bundles:
        for match in sorted(glob.glob(pattern)):
            if (Path(match) / MANIFEST).is_file():
                folders[Path(match)] = None
    named = [entry.bundle for entry in bot.deployments]
    named += [entry.bundle for entry in bot.backtests if entry.bundle is not None]
    for path in named:
        folders.setdefault(Path(path))
    return tuple(folders)


def live_bundle_at(bot: BotSettings, candle_open: datetime) -> Path | None:
    """The bundle that was live on one candle, if it is known."""
    opened = np.array([to_us(candle_open)])
    for span in live_bundles(bot).spans:
        if span.opens(bot.frame.length_us).hold(opened).all():
            return span.bundle_path
    return None


def rule_at(bot: BotSettings, candle_opens: pd.DatetimeIndex) -> pd.DataFrame:
    """The entry rule live on each candle: RULE_CONSTANTS, indexed by candle_open (UTC).

    Outside every deployment the bot's own rule counts.
    """
    opened = us_from_index(candle_opens)
    rules = pd.DataFrame(
        {name: getattr(bot.rule, name) for name in RULE_CONSTANTS},
        index=pd.DatetimeIndex(candle_opens, name="candle_open"),
        dtype="float64",
    )
    for span in deployment_spans(bot):
        is_live = span.opens(bot.frame.length_us).hold(opened)
        rules.loc[is_live, list(RULE_CONSTANTS)] = [
            getattr(span.rule, name) for name in RULE_CONSTANTS
        ]
    return rules


def _hash(path: Path) -> str:
    """What identifies a bundle; one that cannot be read counts as a bundle of its own."""
    try:
        return read_manifest(path).hash
    except BundleError:
        return str(path)
