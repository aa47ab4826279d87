"""Documents as a person reads them in a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from core.diagnosis.finding import Verdict
from core.signal_log.reads import SignalLogAccount

Lines = list[str]


def status_text(
    document: dict[str, Any], logs: Mapping[str, Sequence[SignalLogAccount]] | None = None
) -> str:
    """The state of every bot in a few lines each; "–" is not known.

    `logs`: the account of each signal log by bot.
    """
    if not document["bots"]:
        return "No bot is configured."
    return "\n\n".join(
        "\n".join(_bot_lines(bot, (logs or {}).get(bot["name"], ()))) for bot in document["bots"]
    )


def diagnosis_text(document: dict[str, Any]) -> str:
    """The whole in a sentence, one a finding, what stays unexplained, and what else was seen."""
    head = (
        f"{document['bot']}, {document['comparison']}, {document['from']} until {document['until']}"
    )
    lines = [head, *([f"  {document['summary']}"] if document.get("summary") else [])] + [
        f"  {entry['verdict']}: {entry['cause']}: {entry['summary']}"
        for entry in document["findings"]
    ]
    if not document["findings"]:
        lines.append("  No finding.")
    lines.append(f"  Unexplained: {_pct(document['unexplained_ratio'])}")
    lines += [f"  Note: {note}" for note in document.get("notes", ())]
    identity = document.get("identity")
    if identity is not None:
        lines.append(f"  Model: {identity['summary']}")
    return "\n".join(lines)


def _bot_lines(bot: dict[str, Any], logs: Sequence[SignalLogAccount]) -> Lines:
    collection = bot["collection"]
    lines = [
        bot["name"],
        f"  Logging     {_pct(collection['success_ratio'])} of {_count(collection['expected'])} "
        f"candles, {_count(collection['silent_bars'])} silent since "
        f"{collection['last_candle'] or '–'}",
        f"  Target      {collection['logged']} of {collection['target_rows']} rows",
        f"  Missing     {_gaps(collection['gaps'])}",
        f"  Features    {_account(bot['ingestion'])}",
        f"  Signals     {_account(bot['signals'])}",
    ]
    lines += [f"  Signal log  {_signal_log(log)}" for log in logs]
    lines += [f"  Alignment   {_agreement(entry)}" for entry in bot["alignment"]]
    shown = [
        entry for entry in bot["findings"] if entry["verdict"] in (Verdict.PROVEN, Verdict.PARTIAL)
    ]
    lines += [
        f"  Finding     {entry['comparison']}: {entry['verdict']}: {entry['summary']}"
        for entry in shown
    ]
    if bot["findings"] and not shown:
        lines.append("  Finding     no cause is proven; `diagnose` says what was tried")
    return lines


def _signal_log(account: SignalLogAccount) -> str:
    """What became of one log: its lines, and whether its prices are those of their candles."""
    prices = "no prices"
    if account.prices:
        prices = f"prices matching {account.prices_matching} of {account.prices_checked}"
        unknown = account.prices - account.prices_checked
        prices += f" ({unknown} of candles whose close is not known)" if unknown else ""
    return (
        f"{account.log}: {account.lines} lines, {account.matched} matched, "
        f"{account.rejected} rejected, {account.duplicates} duplicates, "
        f"{account.conflicts} conflicts, {account.doubles} candles written twice, {prices}"
    )


def _agreement(entry: dict[str, Any]) -> str:
    name = f"{entry['comparison']} {entry['side']}: {entry['pairs']} pairs"
    if not entry["pairs"]:
        return name
    return (
        f"{name}, mean |diff| {entry['mean_abs_diff']:.4g}, max {entry['max_abs_diff']:.4g} at "
        f"{entry['max_at']}, {_pct(entry['share_above_tolerance'])} above tolerance, "
        f"{entry['flips']} flips"
    )


def _gaps(gaps: list[dict[str, Any]]) -> str:
    if not gaps:
        return "no candle"
    missing = sum(gap["missing"] for gap in gaps)
    return f"{missing} candles in {len(gaps)} gaps"


def _account(account: dict[str, int | None]) -> str:
    if account["lines"] is None:
        return "not configured"
    return ", ".join(f"{count} {name}" for name, count in account.items())


def _pct(ratio: float | None) -> str:
    return "–" if ratio is None else f"{100 * ratio:.2f} %"


def _count(count: int | None) -> str:
    return "–" if count is None else str(count)
