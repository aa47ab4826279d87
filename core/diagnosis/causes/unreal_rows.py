"""unreal_rows: rows that no market wrote: drawn, interpolated, made up."""

from core.diagnosis.cause import Cause, Saying
from core.diagnosis.evidence.evidence import Evidence
from core.diagnosis.lab.world import Change

CODE = "unreal_rows"


def _needs(evidence: Evidence) -> str | None:
    if evidence.prices is None:
        return (
            "no reference price stands beside the signals; "
            "write the candle's close into the signal log"
        )
    if not evidence.candles:
        return "no candles are stored to hold the prices against; add a [[bots.candles]] source"
    return None


def _say(entry: Change, evidence: Evidence) -> Saying:
    count = entry.values["unreal_rows"]
    return Saying(
        f"{count} rows of the signal log carry prices that the market did not have",
        "leaving these rows out",
        "Find what wrote these rows (a filled gap, a test, a script) and delete them from the log.",
    )


CAUSE = Cause(
    code=CODE,
    noun="rows that no market wrote",
    needs=_needs,
    propose=lambda search: (),
    say=_say,
    is_scoped=False,
)
