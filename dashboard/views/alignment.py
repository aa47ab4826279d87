"""Do production and backtest agree: one comparison in depth, or two side by side."""

from functools import partial

from dashboard import shell
from dashboard.charts import alignment as charts
from dashboard.draw import draw_chart
from dashboard.format import plural
from dashboard.markup import draw_text
from dashboard.sections import alignment as sections
from dashboard.sections import alignment_charts
from dashboard.shell import Screen
from dashboard.wording import comparison_sentence


def render() -> None:
    shell.draw("alignment", body)


def body(screen: Screen) -> None:
    comparison = shell.chosen_comparison(screen)
    overview = shell.overview_or_state(screen, comparison)
    if comparison is None or overview is None:
        return
    draw_text(comparison_sentence(comparison))
    sections.alignment_status(screen, comparison, overview)
    sections.metrics_table(screen, comparison, overview)
    alignment_charts.distributions(screen, overview)
    alignment_charts.densities(screen, comparison, overview)
    draw_chart(
        partial(
            charts.course_figure,
            overview.course,
            tolerance=overview.tolerance,
            zone=screen.zone,
        ),
        of=screen.mark,
        key="course",
        alt=f"Mean and 95th percentile of the difference over {plural(overview.candles, 'candle')}",
        note=shell.sample_note(screen),
    )
    alignment_charts.rhythm(screen, overview)
    sections.side_by_side(screen, comparison, overview)
