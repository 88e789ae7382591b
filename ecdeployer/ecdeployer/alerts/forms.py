"""What an owner wants to be told of, and where. Secrets go in here and never come out again."""

import re
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError

from .. import outbound
from .models import AlertSettings

_TOKEN = re.compile(r"[\x21-\x7e]{20,255}")
#: Typed once, and never filled in by a browser.
_SECRET = {"autocomplete": "off", "spellcheck": "false", "class": "code"}


class AlertsForm(forms.Form):
    """``webhook_url`` left empty keeps the one that there is."""

    down = forms.BooleanField(required=False, label="The site is down: two looks in a row, a minute apart")
    disk_percent = forms.IntegerField(
        required=False, min_value=10, max_value=99, label="The disk is in use by more than … per cent"
    )
    errors_percent = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=100,
        label="Of the requests of five minutes more than … per cent are answered with 5xx",
    )
    deployments = forms.ChoiceField(choices=AlertSettings.Deployments.choices, label="Deployments")
    email = forms.BooleanField(required=False, label="E-mail to the owner of the application")
    webhook_url = forms.CharField(
        required=False,
        max_length=1000,
        label="Webhook in Slack's format",
        help_text="Such as https://hooks.slack.com/services/…; Mattermost, Rocket.Chat and Discord (…/slack) "
        "take it too. It is encrypted, and never shown again. Left empty it stays as it is.",
        widget=forms.PasswordInput(attrs=_SECRET),
    )
    remove_webhook = forms.BooleanField(required=False, label="Remove the webhook")

    @classmethod
    def of(cls, rules: AlertSettings, data: Any = None) -> "AlertsForm":
        names = ("down", "disk_percent", "errors_percent", "deployments", "email")
        return cls(data, initial={name: getattr(rules, name) for name in names})

    def clean_webhook_url(self) -> str:
        url = str(self.cleaned_data["webhook_url"])
        if url:
            try:
                outbound.check(url, trusted=settings.ALERT_HOSTS)
            except outbound.RefusedError as error:
                raise ValidationError(str(error), code="invalid") from error
        return url


class StatusTokenForm(forms.Form):
    status_token = forms.CharField(
        max_length=255,
        label="GitHub token",
        help_text="A fine-grained token of this repository alone with the permission “Commit statuses: read "
        "and write”. It is used to post statuses of commits, and for nothing else.",
        widget=forms.PasswordInput(attrs=_SECRET),
    )

    def clean_status_token(self) -> str:
        token = str(self.cleaned_data["status_token"])
        if not _TOKEN.fullmatch(token):
            raise ValidationError("Found something that is no token: GitHub's have 40 characters or more.")
        return token
