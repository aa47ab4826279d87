"""Holds what was said of a world against what is known of it and docs/diagnosis.md."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.worlds.play import bot_frame
from benchmarks.worlds.product import Answer, without_times
from benchmarks.worlds.world import Change, World

Document = Mapping[str, Any]
Finding = Mapping[str, Any]
CLAIMS = ("proven", "partial")
ON_MODEL_PATH = ("column_order", "missing_features", "scaler", "sides_swapped", "bundle")
BY_PRICE = ("label_clock", "candle_offset", "unreal_rows", "threshold")
FALSE_KINDS = (
    "false proven",
    "wrong parameter",
    "refuted truth",
    "false sentence",
    "wrong partial",
    "other answer",
    "fault",
)


@dataclass(frozen=True)
class Judged:
    """false: (kind of FALSE_KINDS, what was said). None where there was nothing to find."""

    false: tuple[tuple[str, str], ...]
    is_first: bool | None
    is_in_three: bool | None
    is_whole_set: bool | None
    carrier: str  # what the baseline "largest carrier" would have said
    seconds: float


def judge(world: World, answer: Answer) -> Judged:
    """What is false in an answer, and whether the truth stands where it should."""
    false = [("fault", text) for text in answer.faults]
    document = answer.documents.get(world.comparison)
    if document is None:
        return Judged(tuple(false), None, None, None, "", answer.seconds)
    false += _findings(world, document)
    false += [("false sentence", text) for text in _sentences(document, _floor(world))]
    false += [("false sentence", text) for text in _told_of_the_log(world, document)]
    claims = [f for f in document["findings"] if f["verdict"] in CLAIMS]
    is_visible = _is_visible(world, document)
    if not is_visible:
        return Judged(tuple(false), None, None, None, _carrier(document), answer.seconds)
    hits = [any(_names(f, truth.cause) for truth in world.truth) for f in claims]
    whole = all(any(_names(f, t.cause) for f in claims) for t in world.truth)
    extra = any(not _is_true(world, f) for f in claims)
    return Judged(
        tuple(false),
        bool(hits[:1] and hits[0]),
        any(hits[:3]),
        whole and not extra,
        _carrier(document),
        answer.seconds,
    )


def compare(first: Answer, second: Answer) -> Iterator[tuple[str, str]]:
    """What differs between two answers to the same data."""
    for name, document in first.documents.items():
        other = second.documents.get(name, {})
        for key in document:
            if without_times(document[key]) != without_times(other.get(key)) and key != "made_at":
                yield "other answer", f"{key}: {_short(document[key])} / {_short(other.get(key))}"


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 300 else f"{text[:300]}…"


def _names(finding: Finding, cause: str) -> bool:
    return cause == finding["cause"] or cause in finding["same_as"]


def _is_true(world: World, finding: Finding) -> bool:
    return any(_names(finding, cause) for cause in world.allowed)


def _is_visible(world: World, document: Document) -> bool:
    """Whether there is a truth, and a difference that it makes."""
    if not world.truth:
        return False
    if any(change.cause == "threshold" for change in world.truth):
        return True
    return bool((document["initial"]["mean_abs_diff"] or 0) > _floor(world))


def _floor(world: World) -> float:
    """Mean differences up to this are the digits that a log leaves out."""
    decimals = world.play.shape.decimals
    return 1e-6 if decimals is None else 0.5 * 10.0**-decimals


def _findings(world: World, document: Document) -> Iterator[tuple[str, str]]:
    visible = _is_visible(world, document)
    for finding in document["findings"]:
        said = f"{finding['cause']} {finding['verdict']}: {finding['summary']}"
        truth = next((t for t in world.truth if _names(finding, t.cause)), None)
        if finding["verdict"] == "proven" and not _is_true(world, finding):
            yield "false proven", said
        elif finding["verdict"] == "partial" and not _is_true(world, finding):
            yield "wrong partial", said
        elif finding["verdict"] == "refuted" and visible and _is_own_truth(world, finding):
            yield "refuted truth", said
        elif finding["verdict"] == "proven" and truth is not None:
            wrong = _wrong_parameter(world, truth, finding)
            if wrong:
                yield "wrong parameter", f"{wrong}; {said}"


def _is_own_truth(world: World, finding: Finding) -> bool:
    return any(finding["cause"] == truth.cause for truth in world.truth)


def _wrong_parameter(world: World, truth: Change, finding: Finding) -> str:
    """What of a finding's parameters is not so; empty where all is right."""
    if finding["cause"] != truth.cause:
        return ""
    given = finding["parameters"]
    for key, value in truth.parameters.items():
        rights = value if isinstance(value, tuple) else (value,)
        if key not in given or given[key] in rights:
            continue
        if key == "lookback_bars" and _gives_the_logged(world, int(given[key])):
            continue
        return f"{key} is {given[key]}, true is {value}"
    return ""


def _gives_the_logged(world: World, bars: int) -> bool:
    """Whether windows of `bars` candles give what the bot logged (1e-9, the worst feature)."""
    play = world.play
    for at in play.places[:: max(1, len(play.places) // 12)]:
        row = play.bot_compute(bot_frame(play, int(at), bars)).iloc[-1].to_numpy(dtype=float)
        logged = play.features.loc[at].to_numpy(dtype=float)
        if not np.allclose(row, logged, rtol=1e-9, atol=1e-12, equal_nan=True):
            return False
    return True


def _sentences(document: Document, floor: float) -> Iterator[str]:
    """Sentences that their own document contradicts."""
    texts = [document.get("summary") or "", *document.get("notes", [])]
    texts += [finding["summary"] for finding in document["findings"]]
    for text in texts:
        for few, many in re.findall(r"(\d[\d,]*) of (?:the )?(\d[\d,]*)", text):
            if int(few.replace(",", "")) > int(many.replace(",", "")):
                yield f"{few} of {many}: {text}"
        for share in re.findall(r"(-?\d+(?:\.\d+)?) ?%", text):
            if not 0 <= float(share) <= 100:
                yield f"{share} %: {text}"
    yield from _summary(document, floor)
    yield from _empty_path(document, floor)
    for finding in document["findings"]:
        yield from _own_numbers(finding, document, floor)


def _told_of_the_log(world: World, document: Document) -> Iterator[str]:
    """What is said of the log's digits, and of the bundle that gave its signals."""
    decimals = world.play.shape.decimals
    for note in document.get("notes", []):
        step = re.search(r"prints steps of (\d\S*\d)", note)
        if step and (decimals is None or not np.isclose(float(step[1]), 10.0**-decimals)):
            yield f"the log has {decimals or 'all'} decimals: {note}"
    if world.play.shape.signals not in ("csv", "text"):  # labels that carry their offset, or epochs
        for finding in document["findings"]:
            if re.search(r"[Ss]et the zone|`?(label_)?zone`? = ", finding["summary"]):
                yield f"a zone does nothing to these labels: {finding['summary']}"
    if any(change.inputs or change.signals or change.axis == "labels" for change in world.changes):
        return
    for bundle in (document.get("identity") or {}).get("bundles", []):
        few, all_ = bundle["matching_candles"], document["identity"]["emitted_candles"]
        if bundle["bundle"] == "live" and few < all_:
            yield f"identity: live gives {few} of {all_} candles, it gave all of them"


def _summary(document: Document, floor: float) -> Iterator[str]:
    summary = (document.get("summary") or "").lower()
    proven = [f["cause"] for f in document["findings"] if f["verdict"] == "proven"]
    if "no cause" in summary and proven:
        yield f"'{summary}' beside proven {proven}"
    mean = document["initial"]["mean_abs_diff"]
    if "signals agree" in summary and mean and mean > floor:
        yield f"'{summary}' beside a mean difference of {mean}"
    rest = document.get("unexplained_ratio")
    told = re.search(
        r"(\d+(?:\.\d+)?) ?% (?:of the difference )?(?:is |stays )?unexplained", summary
    )
    if told and rest is not None and abs(float(told[1]) / 100 - rest) > 0.006:
        yield f"'{summary}' beside unexplained_ratio {rest}"
    if "no cause" in summary and told and float(told[1]) < 5:
        yield f"'{summary}': no cause, and next to nothing unexplained"


def _empty_path(document: Document, floor: float) -> Iterator[str]:
    """Causes between features and probability, where nothing differs between those two."""
    sides = ((document.get("split") or {}).get("sides") or {}).values()
    paths = [side["mean_abs_model_path"] for side in sides]
    if not paths or any(path is None or path > floor for path in paths):
        return
    for finding in document["findings"]:
        if finding["verdict"] in CLAIMS and finding["cause"] in ON_MODEL_PATH:
            yield f"{finding['cause']} {finding['verdict']} beside a model path of 0"


def _own_numbers(finding: Finding, document: Document, floor: float) -> Iterator[str]:
    """A proven finding has to meet docs/diagnosis.md's own numbers."""
    cause = finding["cause"]
    if finding["held_out_candles"] > document["initial"]["candles"]:
        yield f"{cause}: {finding['held_out_candles']} held out of {document['initial']['candles']}"
    if finding["verdict"] != "proven" or cause in BY_PRICE:
        return
    if finding["explained_ratio"] is None or finding["explained_ratio"] < 0.95:
        yield f"{cause} proven with explained_ratio {finding['explained_ratio']}"
    if finding["held_out_candles"] < 8:
        yield f"{cause} proven on {finding['held_out_candles']} held-out candles"
    mean = document["initial"]["mean_abs_diff"]
    if not mean or mean <= floor:
        yield f"{cause} proven about a mean difference of {mean}"
    counts = finding["evidence"]
    if "damaged" in counts and counts["damaged"] > 0.01 * max(1, counts["agreed"]):
        yield f"{cause} proven with {counts['damaged']} of {counts['agreed']} damaged"


def _carrier(document: Document) -> str:
    """The simplest reading of the split: which path is larger, and what carries it."""
    sides = ((document.get("split") or {}).get("sides") or {}).values()
    model = sum(side.get("mean_abs_model_path") or 0 for side in sides)
    feature = sum(side.get("mean_abs_feature_path") or 0 for side in sides)
    if model == feature == 0:
        return ""
    if model > feature:
        return "bundle"
    memory = ("ema", "vwap", "obv", "macd", "rsi", "atr")
    text = str(document.get("attribution") or "")
    first = re.search(r"'features?': \[?'(\w+)'", text)
    return "lookback" if first and first[1].startswith(memory) else "market_data"
