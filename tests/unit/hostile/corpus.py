"""The hostile strings by field, and requests that carry any of them, half characters among them."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.http import HttpResponse
from django.test import Client


def _expanded(text: str) -> str:
    return re.sub(r"@@repeat:(.):(\d+)@@", lambda found: found[1] * int(found[2]), text)


CORPUS: dict[str, list[str]] = {
    field: [_expanded(text) for text in texts]
    for field, texts in json.loads((Path(__file__).parent / "corpus.json").read_text()).items()
}
#: Some of each class, for what compares with a list or a number, or looks at no text at all.
SOME = CORPUS["everywhere"][::6]
#: Fields of a small alphabet: none of it holds a string of ``everywhere``.
STRICT = ("project_name", "github_url", "branch", "health_path", "name", "env_name")


def against(field: str) -> list[str]:
    """What this field has to refuse."""
    return list(dict.fromkeys(CORPUS[field] + (CORPUS["everywhere"] if field in STRICT else [])))


def is_unicode(text: str) -> bool:
    """Half a character has no bytes: a page's form cannot carry it, JSON can."""
    return not re.search(r"[\ud800-\udfff]", text)


def encoded(fields: dict[str, Any]) -> str:
    """As a browser sends a form; what no browser could send is sent all the same."""
    parts = {name: str(value).encode("utf-8", "surrogatepass") for name, value in fields.items()}
    return "&".join(
        f"{quote(name.encode('utf-8', 'surrogatepass'))}={quote(value)}" for name, value in parts.items()
    )


def post_form(client: Client, path: str, fields: dict[str, Any]) -> HttpResponse:
    answer: Any = client.post(path, encoded(fields), content_type="application/x-www-form-urlencoded")
    return answer  # type: ignore[no-any-return]


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.words += [value for value in given.values() if value]
        if "canary" in tag or any("canary" in name or name.startswith("on") for name in given):
            self.found.append(f"<{tag} {' '.join(given)}>")
        if tag in ("script", "style") and "src" not in given:
            self.found.append(f"<{tag}>")
        for name in ("href", "src", "action", "formaction", "hx-get", "hx-post"):
            if not re.match(r"(/|\?|#|https?://|data:image/|\.|$)", given.get(name) or ""):
                self.found.append(f"{name}={given[name]}")

    def handle_comment(self, data: str) -> None:
        self.found += ["<!---->"] if "canary" in data else []

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def read_page(body: str) -> tuple[list[str], str]:
    """What a browser would make of a page that nobody meant, and all that a person reads there."""
    page = _Elements()
    page.feed(body)
    page.close()
    return page.found, " ".join(page.words)
