"""A person at the portal's pages, without a browser: what is measured is the portal."""

import re
import time
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar

from scripts.stack.running import RunningDemo

_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
_SUBMISSION = re.compile(r'name="submission" value="([^"]+)"')


class Person:
    """Signed in."""

    def __init__(self, demo: RunningDemo) -> None:
        self._url = demo.url
        self._browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        self._post("/accounts/login/", login=demo.told["Sign in as"], password=demo.told["Password"])

    def get(self, path: str) -> str:
        with self._browser.open(self._url + path, timeout=30) as answer:
            return str(answer.read().decode())

    def submit(self, *, project: str, repository: str, name: str) -> str:
        """Fill in the form, and answer the application's id."""
        return (
            self._post(
                "/applications/new/",
                project_name=project,
                github_url=repository,
                name=name,
                instance_type="t3.micro",
            )
            .rstrip("/")
            .rpartition("/")[2]
        )

    def wait_for(self, application: str, text: str, *, seconds: float = 180) -> None:
        """Until the application's page says so."""
        deadline = time.monotonic() + seconds
        while text not in self.get(f"/applications/{application}/"):
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {seconds} s: {text}")
            time.sleep(0.05)

    def terminate(self, application: str, name: str) -> None:
        self._post(f"/applications/{application}/terminate/", name=name)
        self.wait_for(application, "Terminated")

    def _post(self, path: str, **fields: str) -> str:
        """Where the answer leads."""
        page = self.get(path)
        token, submission = _TOKEN.search(page), _SUBMISSION.search(page)
        fields["csrfmiddlewaretoken"] = token[1] if token else ""
        if submission:
            fields["submission"] = submission[1]
        request = urllib.request.Request(  # noqa: S310 - the demo's own address
            self._url + path,
            data=urllib.parse.urlencode(fields).encode(),
            headers={"Referer": self._url + path, "Origin": self._url},
        )
        with self._browser.open(request, timeout=30) as answer:
            return str(answer.url)
