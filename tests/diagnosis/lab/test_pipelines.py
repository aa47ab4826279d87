"""Versions of a feature function that were left lying beside it are found by reading."""

from pathlib import Path

import pytest

from core.diagnosis.lab.pipelines import known_pipelines
from core.settings import BotSettings

SOURCE = "def compute(candles):\n    return candles\n"


def _write(folder: Path, *names: str, source: str = SOURCE) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / f"{name}.py").write_text(source, encoding="utf-8")


def _bot(folder: Path, *pipelines: str) -> BotSettings:
    backtests = [
        {"name": f"b{number}", "pipeline": pipeline, "lookback_bars": 100}
        for number, pipeline in enumerate(pipelines)
    ]
    return BotSettings.model_validate(
        {"name": "bot", "pipeline_path": [str(folder)], "backtests": backtests}
    )


def test_the_backtests_own_pipeline_stands_first_and_the_reference_last(tmp_path: Path) -> None:
    _write(tmp_path, "features", "features_old")
    bot = _bot(tmp_path, "other:compute", "features:compute")
    assert known_pipelines(bot, "features:compute") == (
        "features:compute",
        "other:compute",
        "features_old:compute",
        "reference",
    )


def test_a_sibling_defines_a_function_of_the_same_name(tmp_path: Path) -> None:
    _write(tmp_path, "features")
    _write(tmp_path, "notes", source="compute = None\n")
    _write(tmp_path, "broken", source="def compute(:\n")
    _write(tmp_path, "inner", source="class A:\n    def compute(self):\n        pass\n")
    (tmp_path / "binary.py").write_bytes(b"\xff\xfe\x00")
    bot = _bot(tmp_path, "features:compute")
    assert known_pipelines(bot, "features:compute") == ("features:compute", "reference")


def test_reading_a_sibling_does_not_run_it(tmp_path: Path) -> None:
    _write(tmp_path, "features")
    mark = tmp_path / "ran"
    _write(tmp_path, "old", source=f"open({str(mark)!r}, 'w')\n{SOURCE}")
    assert "old:compute" in known_pipelines(_bot(tmp_path, "features:compute"), "features:compute")
    assert not mark.exists()


def test_siblings_are_looked_for_in_the_package_of_the_pipeline(tmp_path: Path) -> None:
    _write(tmp_path / "bot" / "live", "features", "features_v1")
    _write(tmp_path, "elsewhere")
    bot = _bot(tmp_path, "bot.live.features:compute")
    assert known_pipelines(bot, "bot.live.features:compute") == (
        "bot.live.features:compute",
        "bot.live.features_v1:compute",
        "reference",
    )


def test_at_most_eight_siblings_are_tried(tmp_path: Path) -> None:
    _write(tmp_path, *(f"v{number:02d}" for number in range(10)))
    known = known_pipelines(_bot(tmp_path, "features:compute"), "features:compute")
    assert known == (
        "features:compute",
        *(f"v{number:02d}:compute" for number in range(8)),
        "reference",
    )


@pytest.mark.parametrize(("size", "is_found"), [(1_000_000, True), (1_000_001, False)])
def test_a_file_of_over_a_megabyte_is_no_feature_code(
    tmp_path: Path, size: int, is_found: bool
) -> None:
    _write(tmp_path, "large", source=SOURCE + "#" * (size - len(SOURCE)))
    known = known_pipelines(_bot(tmp_path, "features:compute"), "features:compute")
    assert ("large:compute" in known) is is_found


def test_the_own_pipeline_of_align_has_no_siblings(tmp_path: Path) -> None:
    _write(tmp_path, "compute", "features")
    assert known_pipelines(_bot(tmp_path, "reference"), "reference") == ("reference",)
