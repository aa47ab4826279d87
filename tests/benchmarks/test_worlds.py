"""The worlds are what they say they are, and their judge hears a false word."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks.worlds.causes import CAUSES
from benchmarks.worlds.judge import compare, judge
from benchmarks.worlds.play import Setup, Shape, bot_frame, unfinished
from benchmarks.worlds.product import Answer
from benchmarks.worlds.workspace import write_workspace
from benchmarks.worlds.world import Change, World, play_world

SMALL = Setup(seed=3, logged=40, history=200)


def world_of(*changes: Change) -> World:
    return play_world("any", SMALL, Shape(), changes)


def stale(lag: int) -> Change:
    return Change(f"stale_{lag}", "stale_features", "inputs", {"lag_bars": lag})


def document(*findings: dict[str, Any], mean: float = 0.1, summary: str = "") -> dict[str, Any]:
    return {
        "summary": summary,
        "notes": [],
        "initial": {"candles": 40, "mean_abs_diff": mean},
        "unexplained_ratio": 0.0,
        "findings": list(findings),
    }


def finding(cause: str, verdict: str = "proven", **more: Any) -> dict[str, Any]:
    return {
        "cause": cause,
        "verdict": verdict,
        "same_as": [],
        "parameters": {},
        "explained_ratio": 1.0,
        "held_out_candles": 20,
        "evidence": {},
        "summary": f"{cause} is {verdict}.",
    } | more


def kinds(world: World, said: dict[str, Any]) -> list[str]:
    return [kind for kind, _ in judge(world, Answer({"lab": said}, (), 1.0)).false]


def test_a_world_is_the_same_for_its_seed_and_another_for_another() -> None:
    first, again = world_of().play, world_of().play
    pd.testing.assert_frame_equal(first.signals, again.signals)
    other = play_world("any", Setup(seed=4, logged=40, history=200), Shape(), []).play
    assert not np.array_equal(first.signals.to_numpy(), other.signals.to_numpy())


def test_candles_are_made_of_their_minutes() -> None:
    play = world_of().play
    whole, part = unfinished(play, 5), unfinished(play, 3)
    pd.testing.assert_frame_equal(whole, play.market.candles)
    assert (part["open"] == whole["open"]).all()
    assert (part["volume"] <= whole["volume"]).all()
    assert ((part["high"] <= whole["high"]) & (part["low"] >= whole["low"])).all()


def test_a_bot_sees_its_lookback_and_no_later_candle() -> None:
    play = world_of().play
    frame = bot_frame(play, 220)
    assert len(frame) == SMALL.lookback_bars
    assert frame["timestamp"].iloc[-1] == play.market.candles["timestamp"].iloc[220]


@pytest.mark.parametrize("name", sorted(CAUSES))
def test_every_cause_can_be_played_and_written(name: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    setup = Setup(seed=3, logged=200, history=320)
    world = play_world("any", setup, Shape(signals="text"), [CAUSES[name](rng)])
    write_workspace(world.play, tmp_path / "bot")
    lines = (tmp_path / "bot" / "logs" / "features.csv").read_text().splitlines()
    assert len(lines) == len(world.play.places) + 1
    assert [change.cause for change in world.truth] == [name]


def test_a_proof_of_what_is_not_so_is_false() -> None:
    assert kinds(world_of(), document(finding("bundle"), mean=0.0)) == [
        "false proven",
        "false sentence",
    ]
    assert kinds(world_of(stale(1)), document(finding("stale_features"), finding("scaler"))) == [
        "false proven"
    ]


def test_the_truth_may_be_named_as_the_same() -> None:
    judged = judge(
        world_of(stale(1)),
        Answer({"lab": document(finding("bundle", same_as=["stale_features"]))}, (), 1.0),
    )
    assert judged.false == ()
    assert judged.is_first
    assert judged.is_whole_set


def test_a_truth_that_is_refuted_and_a_partial_that_is_none_are_heard() -> None:
    said = document(finding("scaler", "partial"), finding("stale_features", "refuted"))
    assert kinds(world_of(stale(1)), said) == ["wrong partial", "refuted truth"]


def test_a_wrong_parameter_is_heard_and_an_equal_lookback_is_not() -> None:
    said = document(finding("stale_features", parameters={"lag_bars": 2}))
    assert kinds(world_of(stale(1)), said) == ["wrong parameter"]
    bars = SMALL.lookback_bars
    right = Change("lookback", "lookback", "window", {"lookback_bars": bars + 1})
    named = document(finding("lookback", parameters={"lookback_bars": bars}))
    assert kinds(world_of(right), named) == []  # the bot's own windows give what it logged
    named = document(finding("lookback", parameters={"lookback_bars": bars - 1}))
    assert kinds(world_of(right), named) == ["wrong parameter"]


@pytest.mark.parametrize(
    ("said", "is_false"),
    [
        ("41 of 40 prices match.", True),
        ("40 of 41 prices match.", False),
        ("No cause found.", True),
        ("Signals agree.", True),
        ("Removes 101 % of it.", True),
    ],
)
def test_sentences_that_their_document_contradicts_are_heard(said: str, is_false: bool) -> None:
    heard = kinds(world_of(stale(1)), document(finding("stale_features"), summary=said))
    assert heard == (["false sentence"] if is_false else [])


def test_digits_that_a_log_does_not_have_are_heard() -> None:
    world = play_world("any", SMALL, Shape(decimals=4), [])
    said = document(mean=2e-5, summary="Signals agree.")
    assert kinds(world, said) == []
    note = "The log prints steps of {}: differences up to half of it count as equal."
    assert kinds(world, said | {"notes": [note.format("0.0001")]}) == []
    assert kinds(world, said | {"notes": [note.format("0.001")]}) == ["false sentence"]


def test_an_identity_that_leaves_out_what_the_bundle_gave_is_heard() -> None:
    said = document(mean=0.0)
    bundles = [{"bundle": "live", "matching_candles": 39}]
    said["identity"] = {"emitted_candles": 40, "bundles": bundles}
    assert kinds(world_of(), said) == ["false sentence"]


def test_answers_may_differ_in_their_time_of_making_alone() -> None:
    first, later = document() | {"made_at": "1"}, document() | {"made_at": "2"}
    one, two = Answer({"lab": first}, (), 1.0), Answer({"lab": later}, (), 2.0)
    assert list(compare(one, two)) == []
    other = Answer({"lab": later | {"notes": ["slow"]}}, (), 2.0)
    assert [kind for kind, _ in compare(one, other)] == ["other answer"]


def test_a_cause_on_an_empty_path_is_heard() -> None:
    side = {"mean_abs_model_path": 0.0, "mean_abs_feature_path": 0.1}
    world = world_of(Change("scaler", "scaler", "models"))
    said = document(finding("scaler", "partial"))
    assert kinds(world, said) == []
    assert kinds(world, said | {"split": {"sides": {"LONG": side}}}) == ["false sentence"]


def test_a_zone_for_labels_that_carry_theirs_is_heard() -> None:
    said = document(finding("stale_features", summary="Set the zone of the log to Asia/Seoul."))
    assert kinds(world_of(stale(1)), said) == ["false sentence"]
    naive = play_world("any", SMALL, Shape(signals="text"), [stale(1)])
    assert kinds(naive, said) == []
