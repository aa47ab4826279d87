import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import clock
from tests.dashboard.seed import seed_database, write_config
from tests.dashboard.seed_plan import NOW, Plan

View = Callable[..., AppTest]


@pytest.fixture
def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The configuration beside a database of three days of one bot."""
    folder = tmp_path_factory.mktemp("seeded")
    seed_database(folder / "align.db").dispose()
    return write_config(folder)


@pytest.fixture
def seed(tmp_path: Path) -> Callable[..., Path]:
    """Seed a database of these plans and return its configuration."""

    def make(*plans: Plan, more: str = "") -> Path:
        seed_database(tmp_path / "align.db", plans).dispose()
        return write_config(tmp_path, plans, more)

    return make


@pytest.fixture
def view(monkeypatch: pytest.MonkeyPatch, stopped_clock: None) -> View:
    """Draw one view of one configuration, with these parameters in the address."""
    # AppTest leaves its script as the main module, which a spawned process would run.
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])

    def draw(name: str, config: Path, **params: str) -> AppTest:
        monkeypatch.setenv("ALIGN_CONFIG", str(config))
        app = AppTest.from_string(
            f"from dashboard.views import {name}\n{name}.render()", default_timeout=60
        )
        for key, value in params.items():
            app.query_params[key] = value
        return app.run()

    return draw


def words(app: AppTest) -> str:
    """Everything that stands on the page as HTML, text or heading."""
    html = [element.proto.body for element in app.get("html")]
    plain = [element.value for kind in (app.title, app.caption, app.subheader) for element in kind]
    code = [element.value for element in app.code]
    return "\n".join([*html, *map(str, plain), *map(str, code)])
