"""The short form of the exam, as CI runs it (make exam-short)."""

import pytest

from benchmarks.diagnosis_exam import main


def test_a_filter_that_fits_no_case_is_a_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--short", "--cases", "gremlins"]) == 2
    assert "no case" in capsys.readouterr().err


@pytest.mark.exam
def test_the_short_exam_meets_its_goals() -> None:
    assert main(["--short"]) == 0
