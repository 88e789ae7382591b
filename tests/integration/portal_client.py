"""What a person and a program ask of the portal of deployment_stack.py, over the network."""

import re
from typing import Any

import requests

from tests.integration.deployment_stack import BRIDGE, WEB_PORT, Stack, start_web, wait_until

PORTAL = f"http://{BRIDGE}:{WEB_PORT}"
PASSWORD = "alice-long-password"
FINAL = ("succeeded", "failed", "cancelled", "skipped")
_PREPARE = f"""
from ecdeployer.accounts import tokens
from ecdeployer.accounts.models import User
alice = User.objects.get(username="alice")
alice.set_password({PASSWORD!r})
alice.save()
print(tokens.create(alice, name="test", days=7)[1])
"""


class PortalClient:
    """Alice, in a browser and through the API."""

    def __init__(self, stack: Stack) -> None:
        # The pages' own files are named in a list that is made here, and read when the portal starts.
        stack.manage("collectstatic", "--no-input", "--verbosity=0")
        stack.kill("web")
        start_web(stack)
        token = stack.manage("shell", "--verbosity=0", "-c", _PREPARE)[0].strip()
        self.program, self.browser = requests.Session(), requests.Session()
        self.program.headers["Authorization"] = f"Bearer {token}"
        for session in (self.program, self.browser):
            session.trust_env = False
        self.submit("/accounts/login/", login="alice", password=PASSWORD)

    def close(self) -> None:
        self.program.close()
        self.browser.close()

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """JSON of the API, which has to be content with what was asked."""
        answer = self.program.request(method, f"{PORTAL}/api/v1{path}", json=body, timeout=240)
        assert answer.ok, answer.text
        return answer.json()

    def page(self, path: str) -> str:
        answer = self.browser.get(f"{PORTAL}{path}", timeout=240)
        assert answer.status_code == 200, (path, answer.status_code, answer.text[:500])
        return answer.text

    def submit(self, path: str, *, at: str = "", **data: str) -> requests.Response:
        """Send a form of the page ``at``, or of the one that it goes to."""
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.page(at or path))
        assert token, at or path
        answer = self.browser.post(
            f"{PORTAL}{path}",
            data={**data, "csrfmiddlewaretoken": token[1]},
            headers={"Referer": PORTAL},
            allow_redirects=False,
            timeout=240,
        )
        assert answer.status_code == 302, answer.text
        return answer

    def deployments(self, application: str) -> list[dict[str, Any]]:
        """The newest first."""
        return self._all("deployments", application)

    def deliveries(self, application: str) -> list[dict[str, Any]]:
        """The newest first."""
        return self._all("deliveries", application)

    def _all(self, name: str, application: str) -> list[dict[str, Any]]:
        found, cursor = list[dict[str, Any]](), ""
        while True:
            place = f"/applications/{application}/{name}?limit=100" + (f"&cursor={cursor}" if cursor else "")
            page = self.call("GET", place)
            found += page[name]
            cursor = page["next"]
            if cursor is None:
                return found

    def end_of(self, deployment: str, *, seconds: float = 600) -> dict[str, Any]:
        """The deployment, once nothing more becomes of it."""

        def read() -> dict[str, Any]:
            return dict(self.call("GET", f"/deployments/{deployment}"))

        wait_until(lambda: read()["state"] in FINAL, seconds=seconds)
        return read()
