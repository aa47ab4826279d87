"""Which features differ, drift, or are constant."""

from dashboard import shell, states
from dashboard.sections import features as sections
from dashboard.shell import Screen


def render() -> None:
    shell.draw("features", body)


def body(screen: Screen) -> None:
    comparison = shell.chosen_comparison(screen)
    if comparison is None:
        return
    overview = sections.overview_of(screen, comparison)
    if overview is None:
        states.filtered_out("No candle of this window was logged.")
        return
    sections.status(comparison, overview)
    sections.agreement_table(overview)
    sections.constants_and_collisions(overview)
    sections.drift(overview)
    sections.sensitivity(screen, comparison)
