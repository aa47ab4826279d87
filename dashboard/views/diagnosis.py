"""What causes the difference, and is it proven."""

from dashboard import shell, states
from dashboard.data import finding_reads
from dashboard.sections import diagnosis as sections
from dashboard.sections import diagnosis_evidence as evidence
from dashboard.shell import Screen


def render() -> None:
    shell.draw("diagnosis", body)


def body(screen: Screen) -> None:
    comparison = shell.chosen_comparison(screen)
    if comparison is None:
        return
    stored = finding_reads.diagnoses(screen.state.bot_id, comparison.name, screen.version)
    if not stored:
        states.nothing_flagged(
            f"{comparison.name} has not been diagnosed: no window has crossed the tolerance "
            "since it is configured, or the collector has not come to it yet. "
            "Ask at any time: python -m collector diagnose"
        )
        return
    diagnosis = sections.choose(screen, stored)
    sections.status(screen, diagnosis)
    sections.findings(screen, diagnosis)
    evidence.waterfall(screen, diagnosis)
    evidence.split(diagnosis)
    evidence.attribution(diagnosis)
    evidence.trials(screen, diagnosis)
    evidence.drift(diagnosis)
    sections.untestable(diagnosis)
    sections.history(screen, stored)
