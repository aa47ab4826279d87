"""Diagnoses with their findings and trials, cached."""

from datetime import datetime
from typing import Any

import streamlit as st

from core.alignment.reads import Explained
from core.diagnosis import reads as stored_findings
from core.diagnosis.reads import StoredDiagnosis
from dashboard.data import database


@st.cache_data(ttl=600, max_entries=16, show_spinner=False)
def newest_diagnoses(bot_id: int, version: str) -> tuple[StoredDiagnosis, ...]:
    """The newest diagnosis of every comparison that has one."""
    with database.engine().connect() as connection:
        return stored_findings.newest_by_comparison(connection, bot_id)


@st.cache_data(ttl=600, max_entries=16, show_spinner=False)
def diagnoses(bot_id: int, comparison: str, version: str) -> tuple[StoredDiagnosis, ...]:
    """The diagnoses of one comparison, newest first."""
    with database.engine().connect() as connection:
        return stored_findings.diagnoses(connection, bot_id, comparison=comparison)


@st.cache_data(ttl=600, max_entries=16, show_spinner=False)
def explained(bot_id: int, comparison: str, version: str) -> tuple[Explained, ...]:
    """The candles of a comparison that a proven finding speaks of."""
    with database.engine().connect() as connection:
        return stored_findings.explained(connection, bot_id, comparison)


@st.cache_data(ttl=600, max_entries=16, show_spinner=False)
def trials(diagnosis_id: int, version: str) -> list[dict[str, Any]]:
    """The trials of a diagnosis, in order."""
    with database.engine().connect() as connection:
        return stored_findings.trials(connection, diagnosis_id)


@st.cache_data(ttl=600, max_entries=64, show_spinner=False)
def covering_diagnosis(
    bot_id: int, comparison: str, candle_open: datetime, version: str
) -> StoredDiagnosis | None:
    """The newest diagnosis whose window holds this candle."""
    with database.engine().connect() as connection:
        return stored_findings.covering(connection, bot_id, comparison, candle_open)
