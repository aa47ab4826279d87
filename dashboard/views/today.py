"""Is everything as it should be: one badge and one sentence a bot, and what leads on."""

from dashboard import shell
from dashboard.sections import today as sections
from dashboard.sections.cards import cards
from dashboard.sections.glance import glance_at
from dashboard.shell import Screen


def render() -> None:
    shell.draw("today", body)


def body(screen: Screen) -> None:
    glance = glance_at(screen)
    sections.live_status(glance.brief, name=len(screen.all_bots) > 1)
    cards(glance)
    sections.pictures(glance)
    sections.worst_list(glance)
    sections.changes(glance)
    sections.phases(glance)
    sections.other_bots(screen)
