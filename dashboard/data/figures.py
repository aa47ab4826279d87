"""What is made once for all readers: figures, and the imports that come beside the first page."""

import gc
import importlib
import threading
import time
from collections.abc import Callable, Hashable

import plotly.graph_objects as go
import streamlit as st

_WARM_UP_PAUSE_S = 5.0


@st.cache_resource(ttl=3600, max_entries=256, show_spinner=False)
def figure(of: tuple[Hashable, ...], _build: Callable[[], go.Figure]) -> go.Figure:
    """A built figure, shared by all readers; nobody changes it after."""
    return _build()


@st.cache_resource(show_spinner=False)
def warm_up() -> threading.Thread:
    """Import the model library beside the first page, so that no page waits for it later."""
    thread = threading.Thread(target=_import_models, name="warm-up", daemon=True)
    thread.start()
    return thread


def _import_models() -> None:
    time.sleep(_WARM_UP_PAUSE_S)  # the first page comes first
    for name in ("xgboost", "scipy.stats"):
        importlib.import_module(name)
    # Streamlit collects garbage after every drawing: 0.15 s through all that is imported,
    # hardly anything once what stays for good is set aside.
    gc.collect()
    gc.freeze()
