"""Which candles differ most: ranked, filtered, each a link to its own page."""

from dashboard import shell
from dashboard.markup import draw_text
from dashboard.sections import worst as sections
from dashboard.shell import Screen
from dashboard.wording import comparison_sentence


def render() -> None:
    shell.draw("worst", body)


def body(screen: Screen) -> None:
    comparison = shell.chosen_comparison(screen)
    if comparison is None or shell.overview_or_state(screen, comparison) is None:
        return
    draw_text(comparison_sentence(comparison))
    shell.draw_sample(screen)
    chosen = sections.filters()
    rows = sections.worst_rows(screen, comparison, chosen)
    if rows.empty:
        sections.nothing_to_list(screen, chosen)
        return
    sections.ranking(screen, comparison, rows)
    sections.review(screen, rows)
