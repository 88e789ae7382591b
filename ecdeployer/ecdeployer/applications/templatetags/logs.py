"""How pages show lines of logs."""

import re

from django import template
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe

register = template.Library()
#: More is not marked: the page would be longer than its text.
_MARKED = 2000


@register.filter
def marked(text: str, search: str) -> SafeString:
    """With what was searched for marked, in any case."""
    if not search:
        return escape(text)
    parts, place = [], 0
    for number, found in enumerate(re.finditer(re.escape(search), text, re.IGNORECASE)):
        if number == _MARKED:
            break
        parts += [escape(text[place : found.start()]), format_html("<mark>{}</mark>", found[0])]
        place = found.end()
    # Each part was escaped by itself.
    return mark_safe("".join([*parts, escape(text[place:])]))  # noqa: S308 # nosec B308 B703
