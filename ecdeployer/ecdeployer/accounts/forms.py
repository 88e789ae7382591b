"""What people tell about themselves, and how they sign in."""

import hashlib
import hmac
import zoneinfo
from itertools import groupby
from typing import Any

from allauth.account import app_settings
from allauth.account.forms import LoginForm as AllauthLoginForm
from allauth.account.forms import SignupForm as AllauthSignupForm
from django import forms
from django.conf import settings
from django.contrib.auth.forms import UserCreationForm
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator

from ..plain_text import check_plain_text
from . import tokens
from .models import User

_LONGEST_EMAIL = MaxLengthValidator(app_settings.EMAIL_MAX_LENGTH)
_ALIASES = ("Etc/", "SystemV/", "US/", "posix/", "right/")


class LoginForm(AllauthLoginForm):  # type: ignore[misc]
    """allauth's own, saying what may be typed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].label = "Username or email"
        self.fields["login"].validators.append(_LONGEST_EMAIL)
        for field in self.fields.values():
            field.widget.attrs.pop("placeholder", None)


class SignupForm(AllauthSignupForm):  # type: ignore[misc]
    """allauth's own, which takes a longer address than the database."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].validators.append(_LONGEST_EMAIL)


class FirstOperatorForm(UserCreationForm):  # type: ignore[type-arg]
    """The first superuser, made by whoever can read the code in the portal's AWS account."""

    code = forms.CharField(
        max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "one-time-code"}),
        help_text="From the account's Parameter Store; <code>aws-up</code> says how to read it.",
    )

    class Meta:
        model = User
        fields = ["username", "email"]

    def clean_code(self) -> None:
        digest = hashlib.sha256(self.cleaned_data["code"].encode()).hexdigest()
        if not hmac.compare_digest(digest, settings.FIRST_OPERATOR_SHA256):
            raise ValidationError("This is not the code.", code="wrong")

    def save(self, commit: bool = True) -> User:  # noqa: FBT001, FBT002 - Django's signature
        self.instance.is_staff = self.instance.is_superuser = True
        made: User = super().save(commit)
        return made


class TokenForm(forms.Form):
    name = forms.CharField(
        max_length=63,
        validators=[check_plain_text],
        help_text="What it is for, such as the program that gets it: it says so in this list.",
    )
    days = forms.TypedChoiceField(
        choices=[(7, "7 days"), (30, "30 days"), (90, "90 days"), (365, "a year")],
        coerce=int,
        initial=90,
        label="Good for",
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if self.user.api_tokens.filter(name=name, revoked_at=None).exists():
            raise ValidationError(
                f"You have a token named {name}. Choose another name, or revoke that one first.", code="taken"
            )
        return name

    def clean(self) -> None:
        if self.user.api_tokens.filter(revoked_at=None).count() >= tokens.MOST:
            raise ValidationError(
                f"You have {tokens.MOST} tokens. Revoke one that nothing uses any more first."
            )


class ProfileForm(forms.Form):
    time_zone = forms.ChoiceField(
        choices=lambda: _zones(),
        label="Time zone",
        help_text="Times on every page are shown in this zone.",
        error_messages={"invalid_choice": "Found %(value).60r. Choose a zone of the list."},
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
