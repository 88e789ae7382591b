"""What is asked of an application's maintenance. The page and the API read the same form."""

import ipaddress
import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from ..plain_text import check_plain_text

#: As the machine takes them: user_data/maintenance.py.
LONGEST, MOST, TEXT = 7 * 24 * 3600, 50, 500
_SPAN = re.compile(r"([0-9]{1,6}) ?([smhd]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_NETWORK = re.compile(r"[0-9a-f.:/]{2,50}")


class SpanField(forms.Field):
    """``90``, ``90s``, ``10m``, ``2h``, or a number of seconds; cleaned to seconds."""

    def to_python(self, value: object) -> int:
        found = _SPAN.fullmatch(str(value if value is not None else ""))
        seconds = int(found[1]) * _SECONDS[found[2]] if found else 0
        if not 1 <= seconds <= LONGEST:
            raise ValidationError(
                f"Found {str(value)[:60]!r}. Write seconds or minutes, such as 90 or 10m, of at most a week.",
                code="invalid",
            )
        return seconds

    def prepare_value(self, value: Any) -> Any:
        return show_span(value) if isinstance(value, int) else value


class NetworksField(forms.Field):
    """Addresses and networks, one a line, or a list; cleaned to a list as ``ipaddress`` writes them."""

    widget = forms.Textarea

    def to_python(self, value: object) -> list[str]:
        given = value if isinstance(value, list) else str(value or "").splitlines()
        lines = [str(line).strip() for line in given]
        found = list(dict.fromkeys(read_network(line) for line in lines if line))
        if len(found) > MOST:
            raise ValidationError(
                f"Found {len(found)} addresses. At most {MOST} are let through.", code="many"
            )
        return found

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value


def read_network(text: str) -> str:
    """Raises ValidationError, which names what was found."""
    shown = f"Found {text[:60]!a}"
    try:
        address, slash, _ = text.partition("/")
        inside = ipaddress.ip_network(text, strict=False)
        if slash and ipaddress.ip_address(address) != inside.network_address:
            raise ValidationError(
                f"{shown}, which is one address of a network. Write {inside}.", code="invalid"
            )
    except ValueError as error:
        raise ValidationError(
            f"{shown}. Write an address or a network, such as 203.0.113.7 or 2001:db8::/32.", code="invalid"
        ) from error
    if inside.prefixlen == 0:
        raise ValidationError(f"{shown}, which lets everybody through. Switch maintenance off.", code="all")
    if not _NETWORK.fullmatch(str(inside)):
        raise ValidationError(f"{shown}. An address here has no zone.", code="invalid")
    return str(inside)


def show_span(seconds: int) -> str:
    """``600`` is ``10m``."""
    units = ((name, each) for name, each in reversed(_SECONDS.items()) if name and seconds % each == 0)
    name, each = next(units)
    return f"{seconds // each}{name}" if each > 1 else str(seconds)


class MaintenanceForm(forms.Form):
    """Valid data are columns of Maintenance."""

    retry_after = SpanField(
        label="Retry-After",
        help_text="When visitors' programs and search engines are to come again: seconds, or 10m, 2h.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    message = forms.CharField(
        required=False,
        max_length=TEXT,
        strip=False,
        validators=[check_plain_text],
        help_text="Plain text on the portal's own page; the project's maintenance.html takes its place.",
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    addresses = NetworksField(
        required=False,
        label="Addresses let through",
        help_text="They see the site. IPv4 or IPv6, one a line; networks as 203.0.113.0/24. At most 50.",
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "class": "code"}),
    )
    around_deployments = forms.BooleanField(
        required=False,
        label="On by itself around a deployment",
        help_text="From before its migrations until its end, good or bad. One without migrations needs none.",
    )

    def clean_message(self) -> str:
        return str(self.cleaned_data["message"]).replace("\r\n", "\n")
