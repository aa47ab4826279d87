"""The page: sign-in, navigation, and the view that the address names."""

from pathlib import Path

import streamlit as st

from core.errors import ConfigError
from dashboard import access
from dashboard.data import database, figures
from dashboard.links import navigation_pages
from dashboard.markup import Badge, draw_status

_ASSETS = Path(__file__).parent / "assets"


def main() -> None:
    st.set_page_config(
        page_title="Align", page_icon=str(_ASSETS / "icon.png"), layout="wide", menu_items={}
    )
    try:
        settings = database.settings()
        access.check_address(settings.dashboard)
        database.database_file(settings.database_url)
    except ConfigError as error:
        draw_status(Badge("bad", "Configuration"), "align.toml cannot be used.", detail=str(error))
        st.stop()
    access.require_sign_in(settings.dashboard)
    st.logo(str(_ASSETS / "logo.svg"), icon_image=str(_ASSETS / "icon.png"), size="large")
    st.navigation(navigation_pages(), expanded=True).run()
    figures.warm_up()


main()
