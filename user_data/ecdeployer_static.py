"""The project's own storage of static files, without its refusals of a page.

Where names carry a hash, Django answers 500 to a page that names a file which is not there, and 400 to one
that names it with a leading slash. With DEBUG on, as the developer knows the page, it does neither.
"""

from __future__ import annotations

import urllib.parse
from typing import Any

from django.conf import settings
from django.core.exceptions import SuspiciousFileOperation
from django.utils.encoding import filepath_to_uri
from django.utils.module_loading import import_string


class PlainNames:
    """What has no name with a hash keeps the one that the page gives."""

    base_url: str

    def url(self, name: str, *arguments: Any, **named: Any) -> str:
        try:
            return str(super().url(name, *arguments, **named))  # type: ignore[misc]
        except (ValueError, SuspiciousFileOperation):
            return urllib.parse.urljoin(self.base_url, str(filepath_to_uri(name)).lstrip("/"))


def storage(*arguments: Any, **options: Any) -> Any:
    """An instance of the class that ECDEPLOYER_STATIC_STORAGE names, with such names."""
    own = import_string(settings.ECDEPLOYER_STATIC_STORAGE)  # type: ignore[misc]
    return type(own.__name__, (PlainNames, own), {})(*arguments, **options)
