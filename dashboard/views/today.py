"""Is everything as it should be: one badge and one sentence a bot, and what leads on."""

from dashboard import shell
from dashboard.sections import today as sections
from dashboard.shell import Screen


def render() -> None:
    shell.draw("today", body)


def body(screen: Screen) -> None:
    glance = sections.glance_at(screen)
    sections.status(glance, name=len(screen.all_bots) > 1)
    sections.cards(glance)
    sections.pictures(glance)
    sections.worst_list(glance)
    sections.changes(glance)
    sections.phases(glance)
    sections.other_bots(screen)
