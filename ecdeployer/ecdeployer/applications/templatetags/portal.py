"""How pages write states, times, money and repositories."""

import datetime as dt
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlsplit

from django import template
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince

from ...instances.models import Instance
from ...instances.states import InstanceState
from ...preflight import catalogue

register = template.Library()
_OPENED = ("http://", "https://")

#: state -> (tone, icon); the label always stands beside them, so that nothing is told by colour alone.
_STATES = {
    "live": ("good", "check"),
    "succeeded": ("good", "check"),
    "running": ("busy", "spinner"),
    "deploying": ("busy", "spinner"),
    "launching": ("busy", "spinner"),
    "terminating": ("warn", "spinner"),
    "shutting-down": ("warn", "spinner"),
    "stopping": ("warn", "spinner"),
    "stopped": ("warn", "pause"),
    "queued": ("idle", "clock"),
    "requested": ("idle", "clock"),
    "pending": ("idle", "clock"),
    "failed": ("bad", "cross"),
    "error": ("bad", "cross"),
    "warning": ("warn", "alert"),
    "note": ("idle", "info"),
    "skipped": ("idle", "skip"),
    "cancelled": ("idle", "skip"),
    "waiting": ("idle", "clock"),
    "superseded": ("idle", "skip"),
    "ignored": ("idle", "skip"),
    "refused": ("bad", "cross"),
    "answered": ("good", "check"),
    "RUNNING": ("good", "check"),
    "STARTING": ("busy", "spinner"),
    "STOPPING": ("busy", "spinner"),
    "BACKOFF": ("warn", "alert"),
    "EXITED": ("idle", "skip"),
    "STOPPED": ("idle", "skip"),
    "FATAL": ("bad", "cross"),
    "terminated": ("idle", "power"),
}


@register.simple_tag
def icon(name: str, extra: str = "") -> SafeString:
    """A decorative picture of the sprite; what it means is said in words beside it."""
    return format_html(
        '<svg class="icon {}" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        extra,
        static("portal/icons.svg"),
        name,
    )


@register.simple_tag
def badge(state: str, label: str = "") -> SafeString:
    tone, picture = _STATES.get(state, ("idle", "dot"))
    text = label or state.replace("-", " ").capitalize()
    return format_html('<span class="badge-state tone-{}">{}{}</span>', tone, _state_icon(picture), text)


@register.simple_tag
def instance_badge(instance: Instance) -> SafeString:
    """EC2's ``running`` is where an instance comes to rest, and not a sign of work."""
    state = "live" if instance.state == InstanceState.RUNNING else instance.state
    return badge(state, instance.get_state_display().capitalize())


@register.simple_tag
def state_icon(state: str) -> SafeString:
    tone, picture = _STATES.get(state, ("idle", "dot"))
    return format_html('<span class="state-icon tone-{}">{}</span>', tone, _state_icon(picture))


@register.simple_tag
def tone(state: str) -> str:
    return f"tone-{_STATES.get(state, ('idle', ''))[0]}"


def _state_icon(picture: str) -> SafeString:
    return icon(picture, "spin" if picture == "spinner" else "")


@register.simple_tag
def ago(moment: dt.datetime | str | None, missing: str = "never") -> SafeString | str:
    """``3 minutes ago``, with the exact time in the reader's zone as its title."""
    if isinstance(moment, str):
        moment = parse_datetime(moment)
    if moment is None:
        return missing
    since = timesince(moment, depth=1)
    text = "just now" if since.startswith("0") else f"{since} ago"
    return _time(moment, text, relative=True)


@register.simple_tag
def exact(moment: dt.datetime | None, missing: str = "not yet") -> SafeString | str:
    return missing if moment is None else _time(moment, _exact_text(moment), relative=False)


def _time(moment: dt.datetime, text: str, *, relative: bool) -> SafeString:
    mark = SafeString(" data-relative") if relative else ""
    return format_html(
        '<time datetime="{}" title="{}"{}>{}</time>', moment.isoformat(), _exact_text(moment), mark, text
    )


def _exact_text(moment: dt.datetime) -> str:
    local = timezone.localtime(moment)
    return f"{date_format(local, 'j M Y, H:i:s')} {local.tzname()}"


@register.filter
def duration(seconds: float | None) -> str:
    """``0.4 s``, ``14 s``, ``2 min 05 s``, ``1 h 04 min``."""
    if seconds is None:
        return ""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


@register.filter
def usd(amount: Decimal | None) -> str:
    """``$1.27``, ``less than $0.01``; ``price unknown`` for none."""
    if amount is None:
        return "price unknown"
    if amount == 0:
        return "$0.00"
    return "less than $0.01" if amount < Decimal("0.01") else f"${amount:,.2f}"


@register.filter
def repository(url: str) -> str:
    """``owner/name`` of a repository's URL, with the host where it is another than github.com."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    path = parts.path.strip("/").removesuffix(".git")
    if not url.startswith(_OPENED):
        return url
    return path if parts.hostname == "github.com" else f"{parts.netloc}/{path}"


@register.filter
def repository_page(url: str) -> str:
    """Where a browser may go; nowhere for an address that no form has taken, such as ``javascript:``."""
    return url.removesuffix(".git") if url.startswith(_OPENED) else "#"


@register.filter
def commit_page(url: str, sha: str) -> str:
    """The commit's page on GitHub; empty for other hosts, of whose pages nothing is known."""
    on_github = url.startswith("https://github.com/") and sha
    return f"{repository_page(url)}/commit/{sha}" if on_github else ""


@register.simple_tag
def compare_page(url: str, base: str, sha: str) -> str:
    """What changed between two commits, on GitHub; empty where there is no such page."""
    on_github = url.startswith("https://github.com/") and base and sha and base != sha
    return f"{repository_page(url)}/compare/{base}...{sha}" if on_github else ""


@register.filter
def took(record: Any) -> str:
    """From its beginning to its end; empty for what never began, or has not ended."""
    if record.started_at is None or record.finished_at is None:
        return ""
    return duration((record.finished_at - record.started_at).total_seconds())


@register.filter
def arrows(verb: str) -> str:
    """``running -> failed`` of an event, as people write it."""
    return verb.replace("->", "→")


@register.simple_tag
def help_page(code: str) -> str:
    """The page that explains a finding; empty for a code that the catalogue does not have."""
    return reverse("findings:detail", args=[code]) if code in catalogue.entries() else ""


@register.simple_tag
def source_page(url: str, sha: str, path: str, line: int) -> str:
    """A line of a file on GitHub at a commit; empty where there is no such page."""
    if not url.startswith("https://github.com/") or not sha or not path:
        return ""
    return f"{repository_page(url)}/blob/{sha}/{quote(path)}" + (f"#L{line}" if line else "")
