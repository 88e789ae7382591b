"""The sample that most tests of the whole deploy, and an entry in it."""

import re

import requests

from tests.integration.deployment_stack import ROOT

GUESTBOOK = ROOT / "samples" / "guestbook"


def sign(address: str, name: str, message: str = "was here") -> None:
    """As a visitor does, in the page's own form."""
    with requests.Session() as session:
        page = session.get(f"http://{address}/", timeout=5).text
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert token
        data = {"csrfmiddlewaretoken": token[1], "name": name, "message": message}
        assert session.post(f"http://{address}/", data=data, timeout=5).status_code == 200
