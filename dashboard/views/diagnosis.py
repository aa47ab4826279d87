"""What causes the difference, and is it proven."""

from dashboard import data, shell, states
from dashboard.sections import diagnosis as sections
from dashboard.shell import Screen


def render() -> None:
    shell.draw("diagnosis", body)


def body(screen: Screen) -> None:
    comparison = shell.chosen_comparison(screen)
    if comparison is None:
        return
    stored = data.diagnoses(screen.state.bot_id, comparison.name, screen.version)
    if not stored:
        states.nothing_flagged(
            f"{comparison.name} has not been diagnosed: no window has crossed the tolerance "
            "since it is configured, or the collector has not come to it yet. "
            "Ask at any time: python -m collector diagnose"
        )
        return
    found = sections.choose(screen, stored)
    sections.status(screen, found)
    sections.findings(found)
    sections.waterfall(screen, found)
    sections.split(found)
    sections.attribution(found)
    sections.trials(screen, found)
    sections.drift(found)
    sections.untestable(found)
    sections.history(screen, stored)
