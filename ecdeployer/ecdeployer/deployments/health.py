"""Asking for a site's page as a visitor does: through its public address."""

import http.client
from dataclasses import dataclass
from email.message import Message

from ..time_limits import closing_after

#: Seconds for the whole answer.
PATIENCE = 10.0
PORT = 80
#: What a live site may answer to a stranger: it wants a sign-in, or another method.
_FINE = {401, 403, 405}


class UnreachableError(Exception):
    """Nothing that is HTTP came back in time; the text says what did."""


@dataclass(frozen=True)
class Health:
    """``code`` is empty for a site that is live; else it is a remedy's."""

    code: str = ""
    reason: str = ""

    @property
    def is_live(self) -> bool:
        return not self.code


def ask(address: str, path: str, *, check: str = "", port: int = PORT) -> Health:
    """One request, Host being the address. Redirects are not followed: the machine has done that itself.

    ``check``: the release's token, for which nginx lets it through while the site is in maintenance.
    """
    try:
        status, _ = visit(address, path, check=check, port=port, patience=PATIENCE)
    except UnreachableError as error:
        return Health("address-unreachable", str(error))
    return judge(status, path)


def judge(status: int, path: str) -> Health:
    """A 404 at / is a live site without a front page."""
    if status < 400 or status in _FINE or (status == 404 and path == "/"):
        return Health()
    code = {400: "health-disallowed-host", 404: "health-not-found"}.get(status, "health-status")
    code = "health-server-error" if status >= 500 else code
    return Health(code, f"GET {path} at the public address answers {status}.")


def visit(
    address: str, path: str, *, check: str = "", port: int = PORT, patience: float
) -> tuple[int, Message]:
    """The answer's status and headers, within so many seconds. Raises UnreachableError."""
    try:
        return _visit(address, path, check, port, patience)
    except (OSError, http.client.HTTPException) as error:
        reason = f"http://{address}{path} does not answer: {error or type(error).__name__}."
        raise UnreachableError(reason) from error


def _visit(address: str, path: str, check: str, port: int, patience: float) -> tuple[int, Message]:
    connection = http.client.HTTPConnection(address, port, timeout=patience)
    connection.connect()
    with closing_after(connection, patience):
        headers = {"User-Agent": "ecdeployer", "Accept": "text/html,*/*"}
        connection.request("GET", path, headers=headers | ({"X-Ecdeployer-Check": check} if check else {}))
        answer = connection.getresponse()
        return answer.status, answer.headers
