"""`python -m dashboard.health`: exit 0 when the page's own server answers."""

import http.client
import sys

from core.errors import AlignError
from core.settings import load_settings

_TIMEOUT_S = 5


def main() -> int:
    """0 healthy; 1 not, with one sentence on standard error."""
    try:
        dashboard = load_settings().dashboard
        status = _status(dashboard.address, dashboard.port)
    except (AlignError, OSError, http.client.HTTPException) as error:
        sys.stderr.write(f"the page does not answer: {error}\n")
        return 1
    if status != http.HTTPStatus.OK:
        sys.stderr.write(f"the page answers with status {status}\n")
        return 1
    return 0


def _status(address: str, port: int) -> int:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)
    connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", "/_stcore/health")
        return connection.getresponse().status
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main())
