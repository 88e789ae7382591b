"""What people tell about themselves, and how they sign in."""

import zoneinfo
from itertools import groupby
from typing import Any

from allauth.account.forms import LoginForm as AllauthLoginForm
from django import forms

_ALIASES = ("Etc/", "SystemV/", "US/", "posix/", "right/")


class LoginForm(AllauthLoginForm):  # type: ignore[misc]
    """allauth's own, saying what may be typed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].label = "Username or email"
        for field in self.fields.values():
            field.widget.attrs.pop("placeholder", None)


class ProfileForm(forms.Form):
    time_zone = forms.ChoiceField(
        choices=lambda: _zones(), label="Time zone", help_text="Times on every page are shown in this zone."
    )


def _zones() -> list[tuple[str, str | list[tuple[str, str]]]]:
    """IANA's names by continent, UTC first; the aliases of old times are left out."""
    names = sorted(name for name in zoneinfo.available_timezones() if "/" in name)
    names = [name for name in names if not name.startswith(_ALIASES)]
    groups: list[tuple[str, str | list[tuple[str, str]]]] = [
        (continent, [(name, name.partition("/")[2].replace("_", " ")) for name in members])
        for continent, members in groupby(names, key=lambda name: name.partition("/")[0])
    ]
    return [("UTC", "UTC"), *groups]
