import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from dashboard.health import main


class Page(BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/_stcore/health" else 404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Tests print nothing."""


@pytest.fixture
def port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    server = HTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    port = server.server_address[1]
    config = tmp_path / "align.toml"
    config.write_text(f'[dashboard]\naddress = "0.0.0.0"\nport = {port}\n')
    monkeypatch.setenv("ALIGN_CONFIG", str(config))
    yield port
    server.shutdown()
    server.server_close()


def test_a_page_is_healthy_while_its_server_says_so(
    port: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main() == 0
    monkeypatch.setattr(Page, "status", 503)
    assert main() == 1
    assert "status 503" in capsys.readouterr().err


def test_a_page_that_is_not_there_is_not_healthy(
    port: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ALIGN_DASHBOARD__PORT", "1")
    assert main() == 1
    assert "the page does not answer" in capsys.readouterr().err
